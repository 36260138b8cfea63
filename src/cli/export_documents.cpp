// Finding where each document ends, and copying members.
#include "cli/export_documents.hpp"

namespace keyward::cli {
namespace {

using Type = json::Value::Type;

constexpr std::size_t kDepth = 32;
constexpr std::size_t kValues = std::size_t{1} << 24;
constexpr std::string_view kSpace = " \t\r\n";

// Where the object or array that text begins with ends; whether it is one is the parser's business.
std::size_t end_of_document(std::string_view text) noexcept {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return text.size();
}

}  // namespace

Documents::~Documents() {
  for (auto &value : all_) {
    json::wipe_texts(&value);
  }
}

Outcome Documents::parse(std::string_view text) {
  for (auto begin = text.find_first_not_of(kSpace); begin != std::string_view::npos;
       begin = text.find_first_not_of(kSpace)) {
    text.remove_prefix(begin);
    const std::size_t index = all_.size();
    if (text.front() != '{' && text.front() != '[') {
      return no(document(index) + " of the file is no JSON object or array");
    }
    const std::size_t size = end_of_document(text);
    std::string error;
    if (!json::parse(text.substr(0, size), {kDepth, size, kValues}, &all_.emplace_back(), &error)) {
      return no(document(index) + " of the file: " + error);
    }
    text.remove_prefix(size);
  }
  return all_.empty() ? no("the file is empty") : done();
}

std::string document(std::size_t index) { return "document " + std::to_string(index + 1); }

const json::Value *member_at(const json::Value &value, std::initializer_list<std::string_view> path) noexcept {
  const json::Value *at = &value;
  for (const std::string_view name : path) {
    at = at->type == Type::object ? at->find(name) : nullptr;
    if (at == nullptr || at->type == Type::null) {
      return nullptr;
    }
  }
  return at;
}

std::string_view text_at(const json::Value &value, std::initializer_list<std::string_view> path) noexcept {
  const json::Value *at = member_at(value, path);
  return at != nullptr && at->type == Type::string ? std::string_view(at->text) : std::string_view();
}

bool is_true(const json::Value *value) noexcept {
  return value != nullptr && (value->type == Type::boolean ? value->boolean : value->text == "1");
}

void put_member(json::Writer *line, std::string_view name, const json::Value *value) {
  if (value != nullptr && value->type != Type::null) {
    line->key(name).value(*value);
  }
}

void put_milliseconds(json::Writer *line, std::string_view name, const json::Value *value) {
  std::int64_t number = 0;
  if (value == nullptr || !value->as_int(&number)) {
    put_member(line, name, value);
  } else if (number != 0) {
    line->key(name).number(number < 0 ? -1 : number / 1000);  // the import refuses what is negative
  }
}

}  // namespace keyward::cli
