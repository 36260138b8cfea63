// What the error log says of a refusal.
#include "ngx/access/refusal_log.hpp"

#include <array>
#include <string>

#include "auth/credential_text.hpp"
#include "base/quote.hpp"
#include "base/text_rules.hpp"
#include "jwt/explain.hpp"
#include "ngx/request/body.hpp"
#include "ngx/request/message.hpp"

namespace keyward {
namespace {

// What somebody else wrote, for a line of the log: a quote in it would end what stands in quotes, and begin a line of
// another's making.
class LogText {
 public:
  explicit LogText(std::string_view text) noexcept
      : end_(escape_printable(text_.data(), text.substr(0, kMaxSubjectBytes))) {}
  LogText(const LogText &) = delete;
  LogText &operator=(const LogText &) = delete;

  ngx_str_t shown() const noexcept { return borrow({text_.data(), static_cast<std::size_t>(end_ - text_.data())}); }

 private:
  std::array<char, kEscapedBytes * kMaxSubjectBytes> text_;
  const char *end_;
};

constexpr const char *kUndivided =
    "; a claim of its scope_claim is one string with blanks, which is not split into scopes: let the issuer write an "
    "array";

// What a token says of itself is told only where its signature holds; its issuer's name is the configuration's.
void log_token_refusal(ngx_uint_t level, const RequestContext *ctx, const char *verb) noexcept {
  const ngx_str_t name = borrow(info(ctx->outcome.reason).name);
  const ngx_str_t issuer =
      borrow(ctx->outcome.issuer != nullptr ? std::string_view(ctx->outcome.issuer->name) : std::string_view());
  if (ctx->outcome.token) {
    const LogText text(ctx->outcome.token->identity.subject);
    const ngx_str_t subject = text.shown();
    const bool undivided =
        ctx->outcome.reason == Reason::insufficient_scope && ctx->outcome.token->identity.has_undivided_scopes;
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V, issuer \"%V\", subject \"%V\"%s", verb, &name,
                  &issuer, &subject, undivided ? kUndivided : "");
    return;
  }
  const bool known = ctx->outcome.token_cause != jwt::Cause::none;
  const std::string words =
      guarded(std::string(), [&] { return known ? explain(ctx->outcome.token_cause, ctx->outcome.issuer) : ""; });
  const ngx_str_t cause = borrow(words);
  ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V%s%V%s%V%s", verb, &name, known ? ": " : "", &cause,
                issuer.len != 0 ? ", issuer \"" : "", &issuer, issuer.len != 0 ? "\"" : "");
}

// Which form a credential had not. Nothing of it is shown but its length and the prefix of a format.
std::string cause_by_form(const Worker &worker, const RequestContext *ctx) {
  const Outcome &outcome = ctx->outcome;
  if (ctx->credential.source == nullptr ||
      (outcome.reason != Reason::invalid_key && outcome.reason != Reason::invalid_token)) {
    return {};
  }
  const std::string missing = why_formless(ctx->credential.text, worker.configuration.forms);
  return outcome.kind == Kind::none ? "it has neither the form of a configured key nor that of a token" +
                                          (missing.empty() ? missing : ": " + missing)
                                    : missing;
}

// Why a message is refused as such, whoever sent it.
std::string cause_of_message(const MessageState &message) {
  if (message.problem != nullptr) {
    return message.problem;
  }
  switch (message.call.fault) {
    case mcp::Fault::no_version:
      return "its params._meta has no version, which MCP-Protocol-Version says it has";
    case mcp::Fault::field_differs:
      return "its header fields don't say what its body says";
    case mcp::Fault::none:
      return "a request of this method has no body, or one message asks for too much at once";
    case mcp::Fault::not_json:
    case mcp::Fault::no_message:
      break;
  }
  return "its body is encoded, or in another charset than UTF-8";
}

// What would help whoever reads it: which field was no credential, or how long one was.
std::string cause_of(const Worker &worker, const RequestContext *ctx) {
  if (ctx->message != nullptr && ctx->outcome.reason == Reason::invalid_message) {
    return cause_of_message(*ctx->message);
  }
  if (ctx->message != nullptr && ctx->outcome.reason == Reason::body_too_large) {
    return "\"body=\" of keyward_mcp is " + std::to_string(ctx->body->most);
  }
  if (ctx->outcome.reason == Reason::credential_too_large) {
    return "it has " + std::to_string(ctx->credential.text.size()) + " bytes, and keyward_max_credential is " +
           std::to_string(*ctx->location->max_credential);
  }
  const ngx_table_elt_t *field = ctx->r->headers_in.authorization;
  if (ctx->outcome.reason == Reason::missing_credential && field != nullptr && field->value.len != 0) {
    const std::string scheme(known_scheme(view(field->value)));
    return scheme.empty()
               ? "its Authorization has a scheme that keyward_credential doesn't name, or none, and was ignored"
               : "its Authorization has the scheme " + scheme +
                     ", which keyward_credential doesn't name or which was empty, and was ignored";
  }
  return cause_by_form(worker, ctx);
}

}  // namespace

// Ids are printable (record.hpp), and a reason is one of ours: nothing here can hold a secret.
void log_refusal(Worker &worker, const RequestContext *ctx, const char *verb) noexcept {
  const ReasonInfo &why = info(ctx->outcome.reason);
  const ngx_str_t name = borrow(why.name);
  ngx_uint_t level = NGX_LOG_INFO;
  if (why.fault == Fault::ours && worker.may_log_trouble()) {
    level = NGX_LOG_ERR;
  }
  if (ctx->outcome.kind == Kind::token) {
    log_token_refusal(level, ctx, verb);
  } else if (ctx->outcome.principal) {
    const ngx_str_t id = borrow(ctx->outcome.principal->key_id);
    const LogText text(ctx->outcome.principal->subject);
    const ngx_str_t subject = text.shown();
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V, key \"%V\", subject \"%V\"", verb, &name, &id,
                  &subject);
  } else if (!ctx->outcome.refused_key_id.empty()) {
    const ngx_str_t id = borrow(ctx->outcome.refused_key_id);
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V, key \"%V\"", verb, &name, &id);
  } else {
    const std::string cause = guarded(std::string(), [&] { return cause_of(worker, ctx); });
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V%s%s", verb, &name, cause.empty() ? "" : ": ",
                  cause.c_str());
  }
}

}  // namespace keyward
