// APISIX 3, with its Admin API in form v3: {"list":[{"key":"/apisix/consumers/NAME","value":{...}}],"total"}, and one
// such entry alone. A consumer's value has a key in plugins.key-auth.key, or has credentials, each with its own:
// /apisix/consumers/NAME/credentials/ID.
#include <algorithm>
#include <map>

#include "base/ascii.hpp"
#include "base/text_rules.hpp"
#include "cli/export_documents.hpp"
#include "cli/import_forms.hpp"
#include "cli/output.hpp"

namespace keyward::cli {
namespace {

using Type = json::Value::Type;

// Where an entry lies in APISIX.
struct Place {
  std::string_view consumer, credential;  // the second is empty for a consumer itself
};

bool read_place(std::string_view path, Place *place) noexcept {
  constexpr std::string_view kConsumers = "/consumers/", kCredentials = "/credentials/";
  const auto begin = path.find(kConsumers);
  if (begin == std::string_view::npos) {
    return false;
  }
  const std::string_view rest = path.substr(begin + kConsumers.size());
  const auto slash = rest.find('/');
  place->consumer = rest.substr(0, slash);
  if (slash == std::string_view::npos) {
    return !place->consumer.empty();
  }
  if (rest.substr(slash, kCredentials.size()) != kCredentials) {
    return false;
  }
  place->credential = rest.substr(slash + kCredentials.size());
  return !place->consumer.empty() && !place->credential.empty();
}

// Both are secrets elsewhere, which APISIX fetches: the key itself isn't in the export.
bool is_reference(std::string_view key) noexcept {
  const auto begins = [key](std::string_view prefix) { return equal_caseless(key.substr(0, prefix.size()), prefix); };
  return begins("$secret://") || begins("$env://");
}

// How many entries of a list there are, and how many there should be.
struct Count {
  std::size_t seen = 0;
  std::int64_t total = 0;
};

class Conversion {
 public:
  explicit Conversion(ImportLines *to) : to_(to) {}

  Outcome document(const json::Value &answer, std::size_t index) {
    const json::Value *list = member_at(answer, {"list"});
    if (list == nullptr) {
      return entry(answer, index);
    }
    if (list->type != Type::array && !list->members.empty()) {
      return no(cli::document(index) + R"( is no list of APISIX's Admin API: "list" is no array)");
    }
    for (const json::Value &item : list->items) {
      if (auto outcome = entry(item, index); !outcome.ok()) {
        return outcome;
      }
    }
    if (!list->items.empty()) {
      Count &count = counts_[folder_of_key(text_at(list->items.front(), {"key"}))];
      count.seen += list->items.size();
      std::int64_t total = 0;
      if (const json::Value *said = member_at(answer, {"total"}); said != nullptr && said->as_int(&total)) {
        count.total = std::max(count.total, total);
      }
    }
    return done();
  }

  Outcome end(std::vector<std::string> *notes) const {
    for (const auto &[folder, count] : counts_) {
      if (count.total > 0 && count.seen < static_cast<std::size_t>(count.total)) {
        return no("the file has " + std::to_string(count.seen) + " of " + std::to_string(count.total) +
                  " entries under " + printable(folder) + ": fetch all pages");
      }
    }
    const auto without = static_cast<std::uint64_t>(
        std::count_if(has_key_.begin(), has_key_.end(), [](const auto &consumer) { return !consumer.second; }));
    if (without > 0) {
      notes->push_back(counted(without, "consumer") +
                       " of the file without a key of key-auth; keys may be among credentials that aren't in the file");
    }
    return number_ > 0 ? done() : no("there are no keys of key-auth in it");
  }

 private:
  static std::string_view folder_of_key(std::string_view path) noexcept { return path.substr(0, path.rfind('/')); }

  Outcome entry(const json::Value &item, std::size_t index) {
    Place place;
    const json::Value *value = member_at(item, {"value"});
    if (value == nullptr || !read_place(text_at(item, {"key"}), &place)) {
      return no(cli::document(index) +
                R"( isn't about consumers as APISIX's Admin API (version v3) writes them: "key" is no path of one)");
    }
    const json::Value *key = member_at(*value, {"plugins", "key-auth", "key"});
    bool &has_key = has_key_[place.consumer];
    has_key = has_key || key != nullptr;
    if (key == nullptr) {
      return done();
    }
    ++number_;
    const std::string id =
        std::string(place.consumer) + (place.credential.empty() ? "" : ":") + std::string(place.credential);
    if (is_reference(key->text)) {
      to_->refuse(number_, id, "its key is a reference to a secret elsewhere, not the key itself; put that there");
      return done();
    }
    json::Writer line;
    line.begin_object().member("id", id).member("subject", place.consumer);
    if (const auto text = text_at(*value, {"desc"}); is_display_name(text) && !text.empty()) {
      line.member("name", text);
    }
    put_member(&line, "created_at", member_at(*value, {"create_time"}));
    put_member(&line, "key", key);
    line.end_object();
    to_->add(number_, id, line.text());
    return done();
  }

  ImportLines *to_;
  std::map<std::string_view, Count> counts_;  // by the folder of their paths
  std::map<std::string_view, bool> has_key_;  // by consumer
  std::uint32_t number_ = 0;
};

}  // namespace

Outcome convert_apisix(const Export &from, ImportLines *to, std::vector<std::string> *notes) {
  return convert_documents(from.text, Conversion(to), notes);
}

}  // namespace keyward::cli
