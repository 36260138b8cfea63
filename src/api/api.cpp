// The way of a request through the API.
#include "api/api.hpp"

#include <algorithm>

#include "api/operation.hpp"
#include "decide/outcome.hpp"
#include "limit/window_name.hpp"

namespace keyward::api {
namespace {

constexpr Rate kUsualWrites = {30, 3600};
constexpr std::uint64_t kWritesIdentity = 0x6b65'7973'2d61'7069;  // of its windows; any number will do

// Where no keyward_limit says otherwise.
bool may_write(const Work &work, Reply *refused) {
  if (!work.shape.limits_writes || !is_write(work.route.operation) || is_ending(work.route.operation)) {
    return true;
  }
  Charge charge;
  charge.name = window_name(work.call.who->subject_name, kWritesIdentity);
  charge.limit_name = kWritesIdentity;
  charge.rate = kUsualWrites;
  charge.wall_s = work.call.now_s;
  const WindowState state = work.service.zone.principals->charge(charge, work.call.now_ms);
  if (!state.admitted) {
    *refused = refusal(Reason::rate_limited, "30 changes an hour");
    refused->retry_after_s = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, seconds_up(state.retry_ms)));
  }
  return state.admitted;
}

Reply run(const Work &work) {
  switch (work.route.operation) {
    case Operation::list:
      return list_keys(work);
    case Operation::create:
      return create_key(work);
    case Operation::show:
      return show_key(work);
    case Operation::change:
      return change_key(work);
    case Operation::remove:
      return remove_key(work);
    case Operation::rotate:
      return rotate_key(work);
    case Operation::suspend:
      return suspend_key(work);
    case Operation::resume:
      return resume_key(work);
    case Operation::activate:
      return activate_key(work);
    case Operation::whoami:
      return tell_caller(work);
    case Operation::audit:
      return read_audit(work);
    case Operation::list_subjects:
      return list_subjects(work);
    case Operation::show_subject:
      return show_subject(work);
    case Operation::set_subject:
      return set_subject(work);
    case Operation::remove_subject:
      return remove_subject(work);
    case Operation::show_limits:
      return show_limits(work);
    case Operation::reset_limits:
      return reset_limits(work);
    case Operation::openapi: {
      Reply reply;
      reply.body = openapi_document(work.shape, work.call.place);
      return reply;
    }
    default:
      return refusal(Reason::not_found);
  }
}

// What many clients send where there is nothing to say.
bool is_empty_object(std::string_view body) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::size_t next = body.find_first_not_of(kBlanks);
  if (next == std::string_view::npos || body[next] != '{') {
    return false;
  }
  next = body.find_first_not_of(kBlanks, next + 1);
  return next != std::string_view::npos && body[next] == '}' &&
         body.find_first_not_of(kBlanks, next + 1) == std::string_view::npos;
}

// A token of a subject that is its issuer's own has nothing in common with keys of that name.
bool has_keys(const Work &work) noexcept {
  return work.shape.is_admin || (!work.call.who->subject.empty() && !work.call.who->own_subject);
}

}  // namespace

Reply serve(const Service &service, const Shape &shape, const KeyFormat &format, const Call &call) {
  const Work work{
      service, shape, format, call, find_route(call.method, call.path, shape.is_admin), service.writer.seal()};
  if (work.route.operation == Operation::wrong_method) {
    Reply reply;
    reply.status = 405;
    reply.fields.emplace_back("Allow", std::string(work.route.allowed));
    return reply;
  }
  if (call.who->pending && work.route.operation != Operation::activate) {
    return refusal(Reason::pending_key);
  }
  if (!has_keys(work)) {
    return refusal(Reason::not_accepted, "the caller has no subject, and keys here belong to one");
  }
  if (!call.body.empty()) {
    if (!takes_body(work.route.operation) && !is_empty_object(call.body)) {
      return refusal(Reason::invalid_body, "there is nothing to say here");
    }
    if (call.body.size() > kMaxBody) {
      return refusal(Reason::body_too_large, "at most 16 KiB");
    }
    if (!is_json_type(call.content_type)) {
      return refusal(Reason::unsupported_type, "write Content-Type: application/json");
    }
  }
  Reply refused;
  return may_write(work, &refused) ? run(work) : std::move(refused);
}

}  // namespace keyward::api
