// Unkey: what its API lists, {"data":[{"keyId","start","enabled","createdAt",...,"plaintext"}],"pagination"}, where keys
// are recoverable; or rows of its table `keys` as JSON objects under the names of their columns, one behind the other.

#include "base/base64.hpp"
#include "base/bytes.hpp"
#include "base/hex.hpp"
#include "base/text_rules.hpp"
#include "cli/export_documents.hpp"
#include "cli/import_forms.hpp"
#include "cli/output.hpp"
#include "store/records/record.hpp"

namespace keyward::cli {
namespace {

using Type = json::Value::Type;

class Conversion {
 public:
  explicit Conversion(ImportLines *to) : to_(to) {}

  Outcome document(const json::Value &value, std::size_t index) {
    if (value.type == Type::array) {
      for (const json::Value &row : value.items) {
        add_row(row);
      }
      return done();
    }
    const json::Value *data = member_at(value, {"data"});
    if (data != nullptr && data->type == Type::array) {
      more_ = is_true(member_at(value, {"pagination", "hasMore"}));
      for (const json::Value &key : data->items) {
        add_listed(key);
      }
      return done();
    }
    if (value.find("hash") == nullptr) {
      return no(cli::document(index) +
                R"( is neither a list of Unkey's API ("data") nor a row of its table `keys` ("hash"))");
    }
    add_row(value);
    return done();
  }

  Outcome end(std::vector<std::string> *notes) const {
    if (more_) {
      return no("the last page has \"hasMore\": true: fetch the next one, too, with its cursor");
    }
    if (bounded_ > 0) {
      notes->push_back(counted(bounded_, "key") + " had credits or ratelimits in Unkey, which aren't taken over");
    }
    return number_ > 0 ? done() : no("there are no keys in it");
  }

 private:
  // Unkey compares whole slugs: a '*' in one means just itself there, and everything here.
  static std::string put_scopes(const json::Value &key, json::Writer *line) {
    line->key("scopes").begin_array();
    std::string problem;
    if (const json::Value *all = member_at(key, {"permissions"}); all != nullptr) {
      if (all->type != Type::array) {
        problem = "permissions has to be an array";
      }
      for (const json::Value &one : all->items) {
        if (one.text.find('*') != std::string::npos) {
          problem = "a permission has a \"*\", which here would stand for others; name those, or take it away";
        }
        line->string(one.text);
      }
    }
    line->end_array();
    return problem;
  }

  // What is shown of a key there, as far as there is room for it.
  static void put_preview(const json::Value &key, json::Writer *line) {
    const std::string_view start = text_at(key, {"start"});
    if (!start.empty() && start.size() + 3 <= kMaxPreviewBytes && is_display_name(start)) {
      line->member("preview", std::string(start) + "...");
    }
  }

  void finish(std::string_view name, std::string problem, json::Writer *line) {
    line->end_object();
    problem.empty() ? to_->add(number_, name, line->text()) : to_->refuse(number_, name, std::move(problem));
  }

  void add_listed(const json::Value &key) {
    ++number_;
    const std::string_view name = text_at(key, {"keyId"});
    if (text_at(key, {"plaintext"}).empty()) {
      to_->refuse(number_, name,
                  "it has no plaintext: Unkey shows that of recoverable keys only, and with \"decrypt\": true");
      return;
    }
    const json::Value *limits = member_at(key, {"ratelimits"});
    bounded_ += member_at(key, {"credits"}) != nullptr || (limits != nullptr && !limits->items.empty()) ? 1U : 0U;
    json::Writer line;
    line.begin_object();
    put_member(&line, "id", member_at(key, {"keyId"}));
    put_member(&line, "name", member_at(key, {"name"}));
    put_member(&line, "subject", member_at(key, {"identity", "externalId"}));
    line.member("state", is_true(member_at(key, {"enabled"})) ? "active" : "suspended");
    put_milliseconds(&line, "created_at", member_at(key, {"createdAt"}));
    put_milliseconds(&line, "expires_at", member_at(key, {"expires"}));
    put_milliseconds(&line, "last_used_at", member_at(key, {"lastUsedAt"}));
    put_member(&line, "key", member_at(key, {"plaintext"}));
    std::string problem = put_scopes(key, &line);
    finish(name, std::move(problem), &line);
  }

  void add_row(const json::Value &row) {
    ++number_;
    const std::string_view name = text_at(row, {"id"});
    Sha256 hash;
    std::size_t size = 0;
    if (!from_base64(Base64::padded, text_at(row, {"hash"}), hash.data(), hash.size(), &size) || size != hash.size()) {
      to_->refuse(number_, name, "hash is no SHA-256 in base64, as Unkey makes it");
      return;
    }
    if (member_at(row, {"pending_migration_id"}) != nullptr) {
      to_->refuse(number_, name,
                  "it came into Unkey from elsewhere and wasn't used since (pending_migration_id): its hash isn't "
                  "Unkey's own");
      return;
    }
    bounded_ += member_at(row, {"remaining_requests"}) != nullptr ? 1U : 0U;
    json::Writer line;
    line.begin_object();
    put_member(&line, "id", member_at(row, {"id"}));
    put_member(&line, "name", member_at(row, {"name"}));
    put_member(&line, "subject", member_at(row, {"external_id"}));
    line.member("state", member_at(row, {"deleted_at_m"}) != nullptr ? "revoked"
                         : is_true(member_at(row, {"enabled"}))      ? "active"
                                                                     : "suspended");
    put_milliseconds(&line, "created_at", member_at(row, {"created_at_m"}));
    if (const std::string_view time = text_at(row, {"expires"}); !time.empty()) {
      line.member("expires_at", std::string(time) + (time.back() == 'Z' ? "" : "Z"));  // MySQL's, in UTC
    }
    put_milliseconds(&line, "last_used_at", member_at(row, {"last_used_at"}));
    put_preview(row, &line);
    line.member("sha256", to_hex(view_of(hash)));
    std::string problem = put_scopes(row, &line);
    finish(name, std::move(problem), &line);
  }

  ImportLines *to_;
  std::size_t bounded_ = 0;  // keys with what isn't taken over
  std::uint32_t number_ = 0;
  bool more_ = false;
};

}  // namespace

Outcome convert_unkey(const Export &from, ImportLines *to, std::vector<std::string> *notes) {
  return convert_documents(from.text, Conversion(to), notes);
}

}  // namespace keyward::cli
