// The keys API without a server.
#include "api/api.hpp"

#include <cstdlib>
#include <thread>

#include "api/body.hpp"
#include "api/route.hpp"
#include "json/json.hpp"
#include "keys_fixture.hpp"

namespace keyward::test {
namespace {

using api::Call;
using api::Member;
using api::Operation;
using api::Reply;
using api::Shape;

Shape shape(const std::vector<std::string_view> &words) {
  Words all = {"keyward_api"};
  all.insert(all.end(), words.begin(), words.end());
  Shape read;
  const Wrong wrong = api::read_shape(all, &read);
  EXPECT_FALSE(wrong) << *wrong;
  return read;
}

std::string wrong(const std::vector<std::string_view> &words) {
  Words all = {"keyward_api"};
  all.insert(all.end(), words.begin(), words.end());
  Shape read;
  return api::read_shape(all, &read).value_or("");
}

TEST(ApiShape, ReadsTheDirective) {
  const Shape one = shape({"self", "preview=5", "fields=id,name,key:raw_key,preview", "list=active", "page=off",
                           "id_prefix=ak_", "format=live"});
  EXPECT_FALSE(one.is_admin);
  EXPECT_TRUE(one.only_active);
  EXPECT_EQ(0U, one.page);
  EXPECT_EQ("ak_", one.id_prefix);
  EXPECT_EQ("live", one.format);
  EXPECT_EQ(5U, one.preview->head);
  EXPECT_EQ(0U, one.preview->tail);
  EXPECT_EQ("raw_key", one.names.name_of(Member::key));
  EXPECT_EQ(Member::key, one.names.find("raw_key"));
  EXPECT_FALSE(one.names.find("key") || one.names.find("scopes"));
  EXPECT_EQ(Member::overlap, one.names.find("overlap"));  // requests have it whatever answers show
  EXPECT_EQ(api::kUsualPage, shape({"admin"}).page);
}

TEST(ApiShape, NamesWhatIsWrong) {
  EXPECT_NE(std::string::npos, wrong({"all"}).find("\"all\""));
  for (const char *word :
       {"page=0", "page=1001", "page=x", "preview=9", "preview=1,5", "preview=", "list=some", "fields=x",
        "fields=id,id", "fields=id,name:id", "fields=id:a b", "id_prefix=", "id_prefix=a-b", "format=", "colour=red"}) {
    EXPECT_NE("", wrong({"self", word})) << word;
  }
  EXPECT_NE(std::string::npos, wrong({"self", "fields=name"}).find("\"id\""));
  EXPECT_NE(std::string::npos, wrong({"self", "page=1", "page=2"}).find("second"));
  EXPECT_NE(std::string::npos, wrong({"admin", "page=off"}).find("page=N"));
}

TEST(ApiShape, CutsPreviews) {
  const auto preview = [](const char *word, const char *of) { return api::preview_text(shape({"self", word}), of); };
  EXPECT_EQ("sapi_key_a1b2c...", preview("preview=5", "sapi_key_a1b2c3d4...wxyz"));
  EXPECT_EQ("kw_a1b2c3d4...wxyz", preview("preview=8,4", "kw_a1b2c3d4...wxyz"));
  EXPECT_EQ("kw_...yz", preview("preview=0,2", "kw_a1b2c3d4...wxyz"));
  EXPECT_EQ("kw_...", preview("preview=0", "kw_a1b2c3d4...wxyz"));
  // Of an imported key, in a form of its own.
  EXPECT_EQ("sapi_key_a1b2c...", preview("preview=3", "sapi_key_a1b2c..."));
  EXPECT_EQ("", preview("preview=3", ""));
}

TEST(ApiRoute, FindsOperations) {
  const auto at = [](const char *method, const char *path, bool admin = false) {
    return api::find_route(method, path, admin).operation;
  };
  EXPECT_EQ(Operation::list, at("GET", ""));
  EXPECT_EQ(Operation::list, at("HEAD", "/"));
  EXPECT_EQ(Operation::create, at("POST", ""));
  EXPECT_EQ(Operation::show, at("GET", "/key_1"));
  EXPECT_EQ(Operation::change, at("PATCH", "/key_1"));
  EXPECT_EQ(Operation::remove, at("DELETE", "/key_1"));
  EXPECT_EQ(Operation::rotate, at("POST", "/key_1/rotate"));
  EXPECT_EQ(Operation::activate, at("POST", "/activate"));
  EXPECT_EQ(Operation::wrong_method, at("GET", "/activate"));
  EXPECT_EQ(Operation::wrong_method, at("PUT", "/key_1"));
  EXPECT_EQ(Operation::none, at("GET", "key_1"));  // /keyskey_1
  EXPECT_EQ(Operation::none, at("GET", "/key_1/"));
  EXPECT_EQ(Operation::none, at("GET", "//rotate"));
  EXPECT_EQ(Operation::none, at("POST", "/key_1/rotate/"));
  for (const char *path : {"/subjects/a", "/limits/a"}) {
    EXPECT_EQ(Operation::none, at("GET", path));
    EXPECT_NE(Operation::none, at("GET", path, true));
  }
  EXPECT_EQ("a/b", api::find_route("GET", "/subjects/a/b", true).id);
  EXPECT_EQ("key_1", api::find_route("POST", "/key_1/rotate", false).id);
}

TEST(ApiBody, KnowsJson) {
  for (const char *type : {"application/json", "Application/JSON; charset=utf-8", "application/json ;a=b"}) {
    EXPECT_TRUE(api::is_json_type(type)) << type;
  }
  for (const char *type :
       {"", "text/json", "application/jsonp", "application/json,text/html", "application/problem+json"}) {
    EXPECT_FALSE(api::is_json_type(type)) << type;
  }
}

class ApiTest : public KeysTest {
 protected:
  ApiTest() : memory_(std::aligned_alloc(64, kMinZoneBytes)) {
    std::fill_n(static_cast<char *>(memory_), kMinZoneBytes, '\0');
    EXPECT_TRUE(Zone::create(memory_, kMinZoneBytes, &zone_));
    parse_key_format("kw_ base62=43 checksum verifier=sha256", &format_, &error_);
  }
  ~ApiTest() override { std::free(memory_); }

  std::shared_ptr<const Principal> caller(const std::string &subject, const std::string &grants) {
    auto who = std::make_shared<Principal>();
    who->kind = Kind::token;
    who->issuer = "login";
    who->subject = subject;
    who->grants = grants == "*" ? Grants::all() : Grants(grants, {});
    who->stands_until_s = INT64_MAX;
    name_counts(*zone_.secret, who.get());
    return who;
  }

  Reply ask(
      const std::string &method, const std::string &path, const std::string &body = {},
      const std::function<void(Call *)> &fill = [](Call *) {}) {
    const api::Service service{
        policy_, writer_, [](const Digest &) { return UsageRecord(); }, zone_, 1, [] { return false; }, {}};
    Call call;
    call.method = method;
    call.place = "/keys";
    call.path = path.substr(0, path.find('?'));
    call.query = path.find('?') == std::string::npos ? "" : path.substr(path.find('?') + 1);
    call.body = body;
    call.content_type = "application/json";
    call.who = who_ ? who_ : caller("alice", "*");
    call.now_s = kNow;
    call.now_ms = 1000;
    fill(&call);
    return api::serve(service, shape_, format_, call);
  }
  Reason reason(const std::string &method, const std::string &path, const std::string &body = {}) {
    return ask(method, path, body).reason;
  }
  static json::Value parsed(const Reply &reply) {
    json::Value value;
    std::string error;
    EXPECT_TRUE(json::parse(reply.body, {}, &value, &error)) << reply.body << error;
    return value;
  }
  static std::string text(const Reply &reply, const char *member) {
    const json::Value value = parsed(reply);
    const json::Value *found = value.find(member);
    return found != nullptr ? found->text : "absent";
  }
  static std::string field(const Reply &reply, std::string_view name) {
    for (const auto &[own, value] : reply.fields) {
      if (own == name) {
        return value;
      }
    }
    return {};
  }
  std::string make_key(const std::string &more = {}) {
    const Reply reply = ask("POST", "", R"({"name":"a")" + more + "}");
    EXPECT_EQ(201, reply.status) << reply.detail;
    return text(reply, "id");
  }

  void *memory_;
  Zone zone_;
  KeyFormat format_;
  std::string error_;
  Shape shape_ = shape({"self"});
  std::shared_ptr<const Principal> who_;
};

TEST_F(ApiTest, MakesShowsChangesAndEndsAKey) {
  const Reply made = ask("POST", "/", R"({"name":"CI","scopes":["a"],"meta":{"t":1}})");
  ASSERT_EQ(201, made.status) << made.detail;
  const std::string id = text(made, "id"), tag = field(made, "ETag");
  EXPECT_EQ("/keys/" + id, field(made, "Location"));
  EXPECT_EQ(0U, text(made, "key").find("kw_"));
  EXPECT_EQ("alice", key(id).subject);
  const Reply shown = ask("GET", "/" + id);
  EXPECT_EQ("absent", text(shown, "key"));
  EXPECT_EQ(tag, field(shown, "ETag"));
  const auto match = [&](const std::string &with) { return [&with](Call *call) { call->if_match = with; }; };
  EXPECT_EQ(Reason::precondition_failed, ask("PATCH", "/" + id, R"({"name":"b"})", match("\"x\"")).reason);
  EXPECT_EQ(200, ask("PATCH", "/" + id, R"({"name":"b"})", match(tag)).status);
  EXPECT_EQ("b", key(id).name);
  EXPECT_EQ(Reason::precondition_failed, ask("DELETE", "/" + id, "", match(tag)).reason);
  EXPECT_EQ(204, ask("DELETE", "/" + id).status);
  EXPECT_EQ(204, ask("DELETE", "/" + id).status);
  EXPECT_EQ(KeyState::revoked, key(id).state);
  EXPECT_EQ(Reason::conflict, reason("PATCH", "/" + id, R"({"name":"c"})"));
}

TEST_F(ApiTest, TheJournalSaysWhoItWas) {
  who_ = caller("alice", "*");
  const Reply made = ask("POST", "", R"({"name":"a"})", [](Call *call) { call->address = "192.0.2.7"; });
  const Reply audit = ask("GET", "/audit");
  const json::Value entry = parsed(audit).find("data")->items.at(0);
  const json::Value *by = entry.find("by");
  EXPECT_EQ("api", by->find("kind")->text);
  EXPECT_EQ("192.0.2.7", by->find("address")->text);
  EXPECT_EQ("login", by->find("issuer")->text);
  // What others did is the operator's, from nowhere.
  KeyRecord record;
  run([&](WriteTxn &txn) { return keys::suspend(txn, {}, text(made, "id"), kNow, &record); });
  const json::Value last = parsed(ask("GET", "/audit")).find("data")->items.at(1);
  EXPECT_EQ("key_suspended", last.find("operation")->text);
  EXPECT_EQ("operator", last.find("by")->find("kind")->text);
  EXPECT_EQ(nullptr, last.find("by")->find("address"));
}

TEST_F(ApiTest, AnswersInOneDocumentsWords) {
  shape_ = shape({"self", "id_prefix=ak_", "fields=id,name:label,key,created_at", "list=active", "page=off"});
  const Reply made = ask("POST", "", R"({"label":"CI"})");
  ASSERT_EQ(201, made.status) << made.detail;
  const json::Value value = parsed(made);
  ASSERT_EQ(4U, value.members.size());
  EXPECT_EQ("id", value.members[0].first);
  EXPECT_EQ("label", value.members[1].first);
  EXPECT_EQ("key", value.members[2].first);
  EXPECT_EQ("created_at", value.members[3].first);
  EXPECT_EQ(0U, value.members[0].second.text.find("ak_"));
  const json::Value list = parsed(ask("GET", ""));
  ASSERT_EQ(json::Value::Type::array, list.type);
  EXPECT_NE(std::string::npos, list.items.at(0).find("key")->text.find("..."));
  EXPECT_EQ(Reason::invalid_body, reason("POST", "", R"({"name":"CI"})"));
  EXPECT_EQ(Reason::invalid_body, reason("POST", "", R"({"label":"CI","scopes":[]})"));
  EXPECT_EQ(204, ask("DELETE", "/" + text(made, "id")).status);
  EXPECT_EQ("[]", ask("GET", "").body);
}

TEST_F(ApiTest, OneIdempotencyKeyMakesOneKeyInADay) {
  who_ = caller("alice", "*");
  const auto at = [&](std::int64_t now_s, const char *name = "k") {
    return ask("POST", "", R"({"name":"a"})", [&](Call *call) {
      call->idempotency_key = name;
      call->now_s = now_s;
    });
  };
  const std::int64_t noon = kNow - kNow % 86400 + 43200;
  const std::string first = text(at(noon), "id");
  for (const std::int64_t later : {0, 3600, 43199, 43200, 86399}) {
    const Reply again = at(noon + later);
    EXPECT_EQ(Reason::conflict, again.reason) << later;
    EXPECT_EQ(first, again.id);
  }
  EXPECT_EQ(201, at(noon, "other").status);
  EXPECT_EQ(201, at(noon + 86400).status);
  who_ = caller("bob", "*");
  EXPECT_EQ(201, at(noon).status);
}

TEST_F(ApiTest, NobodyChangesMoreThanThirtyTimesAnHour) {
  shape_.limits_writes = true;
  who_ = caller("alice", "*");
  const std::string id = make_key();
  for (int i = 1; i < 30; ++i) {
    EXPECT_EQ(200, ask("PATCH", "/" + id, "{\"name\":\"n" + std::to_string(i) + "\"}").status);
  }
  const Reply refused = ask("PATCH", "/" + id, R"({"name":"b"})");
  EXPECT_EQ(Reason::rate_limited, refused.reason);
  EXPECT_LT(3000U, refused.retry_after_s);
  EXPECT_EQ(200, ask("GET", "").status);
  who_ = caller("bob", "*");
  make_key();
}

TEST_F(ApiTest, RefusesWhomItMust) {
  who_ = caller("", "*");
  EXPECT_EQ(Reason::not_accepted, reason("GET", ""));
  auto own = std::make_shared<Principal>(*caller("alice", "*"));
  own->own_subject = true;
  who_ = own;
  EXPECT_EQ(Reason::not_accepted, reason("GET", ""));
  auto pending = std::make_shared<Principal>(*caller("alice", "*"));
  pending->kind = Kind::key;
  pending->pending = true;
  who_ = pending;
  for (const char *path : {"", "/whoami", "/audit", "/openapi.json"}) {
    EXPECT_EQ(Reason::pending_key, reason("GET", path)) << path;
  }
  who_ = caller("alice", "a");
  EXPECT_EQ(Reason::not_found, reason("GET", "/key_none"));
  EXPECT_EQ(Reason::not_found, reason("GET", "/subjects/a"));
  EXPECT_EQ(Reason::exceeds_caller, reason("POST", "", R"({"name":"x","scopes":["b"]})"));
  EXPECT_EQ(Reason::exceeds_caller, reason("POST", "", R"({"name":"x","plan":"p"})"));
  EXPECT_EQ(405, ask("PUT", "").status);
}

TEST_F(ApiTest, AnAdministratorKeepsSubjects) {
  shape_ = shape({"admin"});
  who_ = caller("root", "a");
  EXPECT_EQ(201, ask("PUT", "/subjects/bob", R"({"scopes":["a"]})").status);
  EXPECT_EQ(200, ask("PUT", "/subjects/bob", R"({"state":"blocked"})").status);
  EXPECT_EQ("blocked", text(ask("GET", "/subjects/bob"), "state"));
  EXPECT_EQ(Reason::exceeds_caller, reason("PUT", "/subjects/bob", R"({"scopes":["b"]})"));
  EXPECT_EQ(Reason::exceeds_caller, reason("PUT", "/subjects/root", R"({"state":"active"})"));
  EXPECT_EQ(Reason::invalid_body, reason("PUT", "/subjects/bob", R"({"credits":5})"));
  EXPECT_EQ(Reason::invalid_body, reason("PUT", "/subjects/bob", R"({"state":"gone"})"));
  EXPECT_EQ("bob", parsed(ask("GET", "/subjects")).find("data")->items.at(0).find("id")->text);
  EXPECT_EQ(204, ask("DELETE", "/subjects/bob").status);
  EXPECT_EQ(Reason::not_found, reason("GET", "/subjects/bob"));
}

TEST_F(ApiTest, TheOpenApiDocumentIsJson) {
  const json::Value value = parsed(ask("GET", "/openapi.json"));
  EXPECT_EQ("3.1.0", value.find("openapi")->text);
  EXPECT_NE(nullptr, value.find("paths")->find("/{id}/rotate"));
  EXPECT_EQ(nullptr, value.find("paths")->find("/subjects"));
  shape_ = shape({"admin"});
  EXPECT_NE(nullptr, parsed(ask("GET", "/openapi.json")).find("paths")->find("/subjects"));
}

// One thread lists while another one changes and this one goes on with the event loop's own reader.
TEST_F(ApiTest, ReadsInThreadsBesideTheEventLoop) {
  for (int i = 0; i < 20; ++i) {
    make_key();
  }
  who_ = caller("alice", "*");
  std::thread lists([&] {
    for (int i = 0; i < 200; ++i) {
      EXPECT_EQ(200, ask("GET", "").status);
    }
  });
  std::thread changes([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(201, ask("POST", "", R"({"name":"a","meta":{"x":")" + std::string(3000, 'y') + "\"}}").status);
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const StoreStatus status = writer_.reader().begin();
    EXPECT_TRUE(status.ok()) << status.text;
    if (status.ok()) {
      writer_.reader().end();
    }
  }
  lists.join();
  changes.join();
}

}  // namespace
}  // namespace keyward::test
