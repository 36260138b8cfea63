// Subjects, for administrators.
#include "keys/subjects.hpp"
#include "api/describe.hpp"
#include "api/operation.hpp"
#include "base/quote.hpp"
#include "base/text_rules.hpp"

namespace keyward::api {
namespace {

std::string_view to_text(SubjectState state) noexcept { return state == SubjectState::blocked ? "blocked" : "active"; }

void write_subject(json::Writer *out, const SubjectRecord &subject) {
  out->begin_object().member("id", subject.subject).member("state", to_text(subject.state));
  put_text(out, "plan", subject.plan);
  put_scopes(out, "scopes", subject.scopes);
  put_time(out, "created_at", subject.created_at_s);
  put_time(out, "changed_at", subject.changed_at_s);
  out->end_object();
}

// {"plan", "scopes", "state"}, each of which may be left out.
bool read_request(const json::Value &object, keys::SubjectRequest *request, std::string *error) {
  using Type = json::Value::Type;
  for (const auto &[name, value] : object.members) {
    std::string why;
    if (name == "plan") {
      const bool is_null = value.type == Type::null;
      request->plan = value.text;
      why = is_null || (value.type == Type::string && is_plan_name(value.text)) ? "" : "it is no plan's name";
    } else if (name == "scopes") {
      read_scopes(value, &request->scopes.emplace(), &why);
    } else if (name == "state") {
      const bool blocked = value.text == "blocked";
      request->state = blocked ? SubjectState::blocked : SubjectState::active;
      why = value.type == Type::string && (blocked || value.text == "active") ? "" : "write active or blocked";
    } else {
      *error = "unknown member " + quote(name) + "; there are plan, scopes, state";
      return false;
    }
    if (!why.empty()) {
      *error = quote(name) + ": " + why;
      return false;
    }
  }
  return true;
}

}  // namespace

Reply list_subjects(const Work &work) {
  Parameters parameters;
  std::string error;
  if (!read_query(work.call.query, {"after"}, &parameters, &error)) {
    return refusal(Reason::invalid_body, std::move(error));
  }
  const std::string *after = parameters.find("after");
  const std::string begin = after != nullptr ? *after : std::string();
  std::vector<SubjectRecord> subjects;
  bool more = false;
  const StoreStatus status = work.service.writer.read([&](CredentialReader &reader) -> StoreStatus {
    const StoreCode code = reader.for_each_subject(begin,
                                                   [&](std::string_view subject, const SubjectView &view) {
                                                     more = subjects.size() == kUsualPage;
                                                     if (!more) {
                                                       subjects.push_back(to_record(subject, view));
                                                     }
                                                     return !more;
                                                   },
                                                   {});
    return {code == StoreCode::damaged ? StoreCode::ok : code, {}};
  });
  if (!status.ok()) {
    return refusal_of(status);
  }
  json::Writer out;
  out.begin_object().key("data").begin_array();
  for (const SubjectRecord &subject : subjects) {
    write_subject(&out, subject);
  }
  out.end_array();
  put_text(&out, "next", more ? std::string_view(subjects.back().subject) : std::string_view());
  out.end_object();
  Reply reply = with_body(200, out);
  if (more) {
    reply.fields.emplace_back("Link", '<' + work.call.place + "/subjects?after=" +
                                          percent_encoded(subjects.back().subject) + ">; rel=\"next\"");
  }
  return reply;
}

Reply show_subject(const Work &work) {
  SubjectRecord subject;
  bool found = false;
  const StoreStatus status = work.service.writer.read([&](CredentialReader &reader) -> StoreStatus {
    SubjectView view;
    const StoreCode code = is_subject(work.route.id) ? reader.find_subject(work.route.id, &view) : StoreCode::not_found;
    found = code == StoreCode::ok;
    if (found) {
      subject = to_record(work.route.id, view);
    }
    return {code == StoreCode::not_found ? StoreCode::ok : code, {}};
  });
  if (!status.ok()) {
    return refusal_of(status);
  }
  if (!found) {
    return refusal(Reason::not_found);
  }
  json::Writer out;
  write_subject(&out, subject);
  return with_body(200, out);
}

Reply set_subject(const Work &work) {
  json::Value object;
  keys::SubjectRequest request;
  std::string error;
  if (!read_object(work.call.body, &object, &error) || !read_request(object, &request, &error)) {
    return refusal(Reason::invalid_body, std::move(error));
  }
  request.subject = work.route.id;
  request.now_s = work.call.now_s;
  keys::SubjectSet set;
  const bool urgent = request.state == SubjectState::blocked;
  const keys::Answer answer = change_store(work, urgent ? kUrgentWaitMs : kWaitMs, [&](WriteTxn &txn) {
    return keys::set_subject(txn, work.caller(), request, &set);
  });
  if (!answer.ok()) {
    return refusal_of(work, answer);
  }
  json::Writer out;
  write_subject(&out, set.record);
  return with_body(set.use.has_record ? 200 : 201, out);
}

Reply remove_subject(const Work &work) {
  std::string key;
  const keys::Answer answer = change_store(work, kWaitMs, [&](WriteTxn &txn) {
    return keys::remove_subject(txn, work.caller(), std::string(work.route.id), work.call.now_s, &key);
  });
  if (answer.result == keys::Result::in_use) {
    Reply reply = refusal(Reason::conflict, "it has a key that isn't revoked");
    reply.id = key;
    return reply;
  }
  if (!answer.ok()) {
    return refusal_of(work, answer);
  }
  Reply reply;
  reply.status = 204;
  return reply;
}

}  // namespace keyward::api
