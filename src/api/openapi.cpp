// The OpenAPI document (3.1) of one location: what is there, with this location's members and page.
#include <string>
#include <vector>

#include "api/body.hpp"
#include "api/operation.hpp"
#include "base/version.hpp"

namespace keyward::api {
namespace {

// Of members of keys, in JSON Schema. `null` where there may be nothing.
struct MemberSchema {
  Member member;
  std::string_view schema, description;
};
constexpr std::string_view kTime = R"({"type":["string","null"],"format":"date-time"})";
constexpr std::string_view kText = R"({"type":["string","null"]})";
constexpr std::string_view kList = R"({"type":["array","null"],"items":{"type":"string"}})";
constexpr MemberSchema kMembers[] = {
    {Member::id, R"({"type":"string"})", "Its public name, which is no secret"},
    {Member::name, R"({"type":"string","minLength":1,"maxLength":200})", "What people call it"},
    {Member::key, kText, "The key itself, where it was made just now; else its preview, or absent"},
    {Member::preview, kText, "What may be shown of the key"},
    {Member::subject, kText, "Whose it is"},
    {Member::plan, kText, "Its own plan; null: its subject's, or the default one"},
    {Member::scopes, kList, "Its own list; null: its plan's"},
    {Member::limits, kList, "Its own rates, such as 60r/m; null: its plan's"},
    {Member::concurrency, R"({"type":["integer","null"],"minimum":1})",
     "How many requests it may send at once; null: its plan's"},
    {Member::allow_from, kList, "Addresses and networks from which it may be used; null: from everywhere"},
    {Member::meta, R"({"type":["object","null"]})", "Of its owner's, up to 4 KiB; it decides nothing"},
    {Member::state, R"({"type":"string","enum":["active","suspended","pending","revoked","expired"]})",
     "What it is now"},
    {Member::is_active, R"({"type":"boolean"})", "Whether it is active, and its time isn't over"},
    {Member::verifier, R"({"type":"string"})", "How it is stored"},
    {Member::created_at, kTime, "When it was made"},
    {Member::expires_at, kTime, "When its time is over; null: never"},
    {Member::changed_at, kTime, "When it was last changed"},
    {Member::last_used_at, kTime, "When it was last used, up to a second late; null: never"},
    {Member::uses, R"({"type":"integer","minimum":0})", "How often it was admitted"},
    {Member::last_refusal,
     R"({"type":["object","null"],"properties":{"reason":{"type":"string"},"at":{"type":"string","format":"date-time"}}})",
     "Why and when it was last refused"},
    {Member::predecessor, kText, "The id of the key that it has replaced"},
    {Member::successor, kText, "The id of the key that has replaced it"},
    {Member::overlap_until, kTime, "Replaced: until when it lives on"},
    {Member::overlap, R"({"type":["string","integer"]})", "How long the old key lives on: 24h, or seconds"},
    {Member::pkce_challenge, R"({"type":"string","minLength":43,"maxLength":43})",
     "S256: the key is pending until its code verifier is shown"},
    {Member::code_verifier, R"({"type":"string","minLength":43,"maxLength":128})", "RFC 7636"},
};

// A time may be written as one from now, too: 90d.
std::string_view schema_in_requests(const MemberSchema &one) noexcept {
  return one.member == Member::expires_at ? kText : one.schema;
}

constexpr Members kNewKey = only(Member::name) | only(Member::scopes) | only(Member::expires_at) |
                            only(Member::allow_from) | only(Member::meta) | only(Member::pkce_challenge);
constexpr Members kChange = kNewKey & ~only(Member::pkce_challenge);
constexpr Members kForAdmins = only(Member::plan) | only(Member::limits) | only(Member::concurrency);

class Document {
 public:
  Document(const Shape &shape, std::string_view place) : shape_(shape), place_(place) {}

  std::string text() {
    out_.begin_object().member("openapi", "3.1.0");
    out_.key("info").begin_object().member("title", "Keys").member("version", kProductVersion).end_object();
    out_.key("servers").begin_array().begin_object().member("url", place_.empty() ? "/" : place_).end_object();
    out_.end_array();
    put_paths();
    out_.key("components").begin_object().key("schemas").begin_object();
    put_schema("Key", ~Members{0}, true, {});
    put_schema("NewKey", kNewKey | (shape_.is_admin ? kForAdmins | only(Member::subject) | only(Member::verifier) : 0),
               false, {Member::name});
    put_schema("KeyChange", kChange | (shape_.is_admin ? kForAdmins : 0), false, {});
    put_schema("Rotation", only(Member::overlap), false, {});
    put_schema("Activation", only(Member::code_verifier), false, {Member::code_verifier});
    put_fixed_schemas();
    out_.end_object().end_object().end_object();
    return out_.text();
  }

 private:
  struct Answer {
    std::uint16_t status;
    std::string_view schema, description;  // no schema: no body
  };

  void put_schema(std::string_view name, Members members, bool is_answer, const std::vector<Member> &required) {
    out_.key(name).begin_object().member("type", "object");
    out_.key("additionalProperties").boolean(false);
    out_.key("properties").begin_object();
    for (const MemberSchema &one : kMembers) {
      const std::string_view own = shape_.names.name_of(one.member);
      const bool is_there = has(members, one.member) && shape_.names.find(own) == one.member;
      if (is_there && (!is_answer || one.member <= kLastShown)) {
        out_.key(own).begin_object();
        // The schema's own members, and then ours.
        out_.member("description", one.description);
        out_.key("allOf")
            .begin_array()
            .as_written(is_answer ? one.schema : schema_in_requests(one))
            .end_array()
            .end_object();
      }
    }
    out_.end_object();
    out_.key("required").begin_array();
    for (const Member member : required) {
      out_.string(shape_.names.name_of(member));
    }
    if (is_answer) {
      for (const auto &[member, own] : shape_.names.shown()) {
        if (member != Member::key && member <= kLastShown) {
          out_.string(own);
        }
      }
    }
    out_.end_array().end_object();
  }

  void put_fixed_schemas() {
    const std::string array = R"({"type":"array","items":{"$ref":"#/components/schemas/Key"}})";
    out_.key("Keys").as_written(shape_.page == 0
                                    ? array
                                    : R"({"type":"object","additionalProperties":false,"properties":{"data":)" + array +
                                          R"(,"next":{"type":["string","null"]}},"required":["data","next"]})");
    out_.key("Caller").as_written(
        R"({"type":"object","properties":{"kind":{"enum":["key","token"]},"id":{"type":["string","null"]},)"
        R"("issuer":{"type":["string","null"]},"subject":{"type":["string","null"]},"plan":{"type":["string","null"]},)"
        R"("scopes":{"type":"array","items":{"type":"string"}},"limits":{"$ref":"#/components/schemas/Limits"},)"
        R"("allow_from":{"type":["array","null"],"items":{"type":"string"}},)"
        R"("expires_at":{"type":["string","null"],"format":"date-time"}},)"
        R"("required":["kind","id","issuer","subject","plan","scopes","limits","allow_from","expires_at"],)"
        R"("additionalProperties":false})");
    out_.key("Limits").as_written(
        R"({"type":"array","items":{"type":"object","properties":{"rate":{"type":"string"},"name":{"type":"string"},)"
        R"("remaining":{"type":"integer"},"reset":{"type":["string","null"],"format":"date-time"}},)"
        R"("required":["rate"],"additionalProperties":false}})");
    out_.key("Journal").as_written(
        R"({"type":"object","properties":{"data":{"type":"array","items":{"type":"object","properties":{)"
        R"("number":{"type":"integer"},"at":{"type":"string","format":"date-time"},"by":{"type":"object"},)"
        R"("operation":{"type":"string"},"changes":{"type":"object"}},)"
        R"("required":["number","at","by","operation","changes"]}},"next":{"type":["integer","null"]}},)"
        R"("required":["data","next"],"additionalProperties":false})");
    out_.key("Problem").as_written(
        R"({"type":"object","description":"RFC 9457, unless the location has a form of its own","properties":{)"
        R"("type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},"code":{"type":"string"},)"
        R"("detail":{"type":"string"},"id":{"type":"string"}}})");
    if (shape_.is_admin) {
      out_.key("Subject").as_written(
          R"({"type":"object","properties":{"id":{"type":"string"},"state":{"enum":["active","blocked"]},)"
          R"("plan":{"type":["string","null"]},"scopes":{"type":["array","null"],"items":{"type":"string"}},)"
          R"("created_at":{"type":["string","null"],"format":"date-time"},)"
          R"("changed_at":{"type":["string","null"],"format":"date-time"}},)"
          R"("required":["id","state","plan","scopes","created_at","changed_at"],"additionalProperties":false})");
      out_.key("Subjects")
          .as_written(
              R"({"type":"object","properties":{"data":{"type":"array","items":{"$ref":"#/components/schemas/Subject"}},)"
              R"("next":{"type":["string","null"]}},"required":["data","next"],"additionalProperties":false})");
      out_.key("SubjectChange")
          .as_written(
              R"({"type":"object","properties":{"plan":{"type":["string","null"]},)"
              R"("scopes":{"type":["array","null"],"items":{"type":"string"}},"state":{"enum":["active","blocked"]}},)"
              R"("additionalProperties":false})");
      out_.key("KeyLimits")
          .as_written(R"({"type":"object","properties":{"id":{"type":"string"},)"
                      R"("limits":{"$ref":"#/components/schemas/Limits"}},"required":["id","limits"]})");
    }
  }

  void begin_path(std::string_view path, bool has_id) {
    out_.key(path).begin_object();
    if (has_id) {
      out_.key("parameters").as_written(R"([{"name":"id","in":"path","required":true,"schema":{"type":"string"}}])");
    }
  }
  void end_path() { out_.end_object(); }

  void put_operation(std::string_view method, std::string_view id, std::string_view summary, std::string_view body,
                     const std::vector<Answer> &answers, const std::vector<std::string_view> &query = {},
                     const std::vector<std::string_view> &fields = {}) {
    out_.key(method).begin_object().member("operationId", id).member("summary", summary);
    if (!query.empty() || !fields.empty()) {
      out_.key("parameters").begin_array();
      for (const auto *list : {&query, &fields}) {
        for (const std::string_view name : *list) {
          out_.begin_object().member("name", name).member("in", list == &query ? "query" : "header");
          out_.key("schema").as_written(R"({"type":"string"})").end_object();
        }
      }
      out_.end_array();
    }
    if (!body.empty()) {
      out_.key("requestBody").begin_object().key("content");
      put_content("application/json", body);
      out_.end_object();
    }
    out_.key("responses").begin_object();
    for (const Answer &answer : answers) {
      out_.key(std::to_string(answer.status)).begin_object().member("description", answer.description);
      if (!answer.schema.empty()) {
        out_.key("content");
        put_content("application/json", answer.schema);
      }
      out_.end_object();
    }
    out_.key("default").begin_object().member("description", "A refusal").key("content");
    put_content("application/problem+json", "Problem");
    out_.end_object().end_object().end_object();
  }

  void put_content(std::string_view type, std::string_view schema) {
    out_.begin_object().key(type).begin_object().key("schema").begin_object();
    out_.member("$ref", "#/components/schemas/" + std::string(schema)).end_object().end_object().end_object();
  }

  void put_paths() {
    const std::vector<std::string_view> filters = {"state",          "subject",      "plan",  "name",
                                                   "expires_before", "unused_since", "after", "limit"};
    out_.key("paths").begin_object();
    begin_path("/", false);
    put_operation("get", "listKeys", "Keys, by id", "", {{200, "Keys", "A page"}}, filters);
    put_operation("post", "createKey", "A new key, shown this once", "NewKey", {{201, "Key", "With the key itself"}},
                  {}, {"Idempotency-Key"});
    end_path();
    begin_path("/{id}", true);
    put_operation("get", "showKey", "One key", "", {{200, "Key", "The key's record"}});
    put_operation("patch", "changeKey", "Changes what is named", "KeyChange", {{200, "Key", "As it is now"}}, {},
                  {"If-Match"});
    put_operation("delete", "revokeKey", "Ends it for good", "", {{204, "", "No worker admits it any more"}}, {},
                  {"If-Match"});
    end_path();
    begin_path("/{id}/rotate", true);
    put_operation("post", "rotateKey", "A successor with the same terms", "Rotation",
                  {{201, "Key", "The successor, with the key itself"}});
    end_path();
    begin_path("/{id}/suspend", true);
    put_operation("post", "suspendKey", "Refused until it is resumed", "", {{200, "Key", "As it is now"}});
    end_path();
    begin_path("/{id}/resume", true);
    put_operation("post", "resumeKey", "Active again", "", {{200, "Key", "As it is now"}});
    end_path();
    begin_path("/activate", false);
    put_operation("post", "activateKey", "The pending key that is the credential becomes active", "Activation",
                  {{200, "Key", "As it is now"}});
    end_path();
    begin_path("/whoami", false);
    put_operation("get", "whoami", "Who asks, and what is left", "", {{200, "Caller", "The caller"}});
    end_path();
    begin_path("/audit", false);
    put_operation("get", "audit", "What was done to which key, oldest first", "", {{200, "Journal", "A page"}},
                  {"after", "limit", "key", "subject", "since"});
    end_path();
    if (shape_.is_admin) {
      put_admin_paths();
    }
    out_.end_object();
  }

  void put_admin_paths() {
    begin_path("/subjects", false);
    put_operation("get", "listSubjects", "Subjects with a record", "", {{200, "Subjects", "A page"}}, {"after"});
    end_path();
    begin_path("/subjects/{id}", true);
    put_operation("get", "showSubject", "One subject", "", {{200, "Subject", "Its record"}});
    put_operation("put", "setSubject", "Changes what is named; made where there is none", "SubjectChange",
                  {{200, "Subject", "As it is now"}, {201, "Subject", "Made"}});
    put_operation("delete", "removeSubject", "Removes a record", "", {{204, "", "Removed"}});
    end_path();
    begin_path("/limits/{id}", true);
    put_operation("get", "showLimits", "What is left of a key's limits", "", {{200, "KeyLimits", "Its limits"}});
    put_operation("delete", "resetLimits", "Begins them anew", "", {{204, "", "They count from 0"}});
    end_path();
  }

  const Shape &shape_;
  std::string_view place_;
  json::Writer out_;
};

}  // namespace

std::string openapi_document(const Shape &shape, std::string_view place) { return Document(shape, place).text(); }

}  // namespace keyward::api
