// Kong 3: {"data":[{"id","created_at","consumer":{"id"},"key","tags","ttl"}],"next"}, and the same of consumers
// {"id","created_at","username","custom_id","tags"}.
#include <map>

#include "cli/export_documents.hpp"
#include "cli/import_forms.hpp"

namespace keyward::cli {
namespace {

using Type = json::Value::Type;
using Consumers = std::map<std::string_view, const json::Value *>;  // by id

// Pages of one kind, of which the last must have no next one.
struct Pages {
  const char *path;
  bool more = false;
};

// A consumer has no key: where a page has one entry with a key, or none at all, it is one of keys.
bool has_consumers(const json::Value &data) noexcept {
  return !data.items.empty() && data.items.front().type == Type::object &&
         data.items.front().find("username") != nullptr;
}

// What Kong tells a backend as X-Consumer-Username, else as X-Consumer-Custom-ID.
std::string_view subject_of(const json::Value &consumer) noexcept {
  const std::string_view name = text_at(consumer, {"username"});
  return name.empty() ? text_at(consumer, {"custom_id"}) : name;
}

std::string put_expiry(const json::Value &credential, std::int64_t made_at_s, json::Writer *line) {
  const json::Value *ttl = member_at(credential, {"ttl"});
  std::int64_t rest_s = 0;
  if (ttl == nullptr) {
    return {};
  }
  if (!ttl->as_int(&rest_s) || rest_s < 0 || rest_s > std::int64_t{1} << 32) {
    return "ttl has to be a whole number of seconds";
  }
  line->key("expires_at").number(made_at_s + rest_s);
  return {};
}

std::string to_line(const json::Value &credential, const Consumers &consumers, std::int64_t made_at_s,
                    json::Writer *line) {
  const std::string_view owner = text_at(credential, {"consumer", "id"});
  if (owner.empty()) {
    return "it has no consumer: is this an answer of GET /key-auths?";
  }
  std::string_view subject = owner;
  if (!consumers.empty()) {
    const auto consumer = consumers.find(owner);
    if (consumer == consumers.end()) {
      return "its consumer isn't among those of the file: fetch /consumers again, all pages";
    }
    subject = subject_of(*consumer->second);
  }
  line->begin_object();
  put_member(line, "id", member_at(credential, {"id"}));
  line->member("subject", subject);
  put_member(line, "created_at", member_at(credential, {"created_at"}));
  put_member(line, "key", member_at(credential, {"key"}));
  std::string problem = put_expiry(credential, made_at_s, line);
  line->end_object();
  return problem;
}

}  // namespace

Outcome convert_kong(const Export &from, ImportLines *to, std::vector<std::string> * /*notes*/) {
  Documents documents;
  if (auto outcome = documents.parse(from.text); !outcome.ok()) {
    return outcome;
  }
  Pages keys{"/key-auths"}, names{"/consumers"};
  Consumers consumers;
  for (std::size_t i = 0; i < documents.all().size(); ++i) {
    const json::Value &page = documents.all()[i];
    const json::Value *data = member_at(page, {"data"});
    if (data == nullptr || data->type != Type::array) {
      return no(document(i) + R"( is no list of Kong's Admin API: it has no array "data")");
    }
    const bool of_consumers = has_consumers(*data);
    (of_consumers ? names : keys).more = member_at(page, {"next"}) != nullptr;
    for (const json::Value &item : data->items) {
      if (of_consumers) {
        consumers[text_at(item, {"id"})] = &item;
      }
    }
  }
  for (const Pages &pages : {keys, names}) {
    if (pages.more) {
      return no(std::string("the last page of ") + pages.path + R"( has a "next" one: fetch that, too)");
    }
  }
  std::uint32_t number = 0;
  for (const json::Value &page : documents.all()) {
    const json::Value &data = *member_at(page, {"data"});
    if (has_consumers(data)) {
      continue;
    }
    for (const json::Value &credential : data.items) {
      json::Writer line;
      std::string problem = to_line(credential, consumers, from.made_at_s, &line);
      const std::string_view name = text_at(credential, {"id"});
      ++number;
      problem.empty() ? to->add(number, name, line.text()) : to->refuse(number, name, std::move(problem));
    }
  }
  return number > 0 ? done() : no("there are no keys in it; they are in /key-auths");
}

}  // namespace keyward::cli
