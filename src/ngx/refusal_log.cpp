// What the error log says of a refusal.
#include "ngx/refusal_log.hpp"

#include <array>

#include "base/quote.hpp"
#include "base/text_rules.hpp"

namespace keyward {
namespace {

// What somebody else wrote, for a line of the log: a quote in it would end what stands in quotes, and begin a line of another's making.
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
    "; its scope_claim is a string with blanks, which is one value and no scope: let the issuer write an array";

// What a token says of itself is told only where its signature holds; its issuer's name is the configuration's.
void log_token_refusal(ngx_uint_t level, const RequestContext *ctx, const char *verb) noexcept {
  const ngx_str_t name = borrow(info(ctx->reason).name);
  const ngx_str_t issuer = borrow(ctx->issuer != nullptr ? std::string_view(ctx->issuer->name) : std::string_view());
  if (ctx->token) {
    const LogText text(ctx->token->identity.subject);
    const ngx_str_t subject = text.shown();
    const bool undivided = ctx->reason == Reason::insufficient_scope && ctx->token->identity.has_undivided_scopes;
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V, issuer \"%V\", subject \"%V\"%s", verb, &name,
                  &issuer, &subject, undivided ? kUndivided : "");
    return;
  }
  const bool known = ctx->token_cause != jwt::Cause::none;
  const ngx_str_t cause = borrow(known ? to_text(ctx->token_cause) : std::string_view());
  ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V%s%V%s%V%s", verb, &name, known ? ": " : "", &cause,
                issuer.len != 0 ? ", issuer \"" : "", &issuer, issuer.len != 0 ? "\"" : "");
}

}  // namespace

// Ids are printable (record.hpp), and a reason is one of ours: nothing here can hold a secret.
void log_refusal(Worker &worker, const RequestContext *ctx, const char *verb) noexcept {
  const ReasonInfo &why = info(ctx->reason);
  const ngx_str_t name = borrow(why.name);
  ngx_uint_t level = NGX_LOG_INFO;
  if (why.fault == Fault::ours && worker.may_log_trouble()) {
    level = NGX_LOG_ERR;
  }
  if (ctx->kind == Kind::token) {
    log_token_refusal(level, ctx, verb);
  } else if (ctx->principal) {
    const ngx_str_t id = borrow(ctx->principal->key_id);
    const LogText text(ctx->principal->subject);
    const ngx_str_t subject = text.shown();
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V, key \"%V\", subject \"%V\"", verb, &name, &id,
                  &subject);
  } else if (ctx->refused_key_id.len != 0) {
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V, key \"%V\"", verb, &name, &ctx->refused_key_id);
  } else {
    const bool formless = ctx->kind == Kind::none && ctx->credential.source != nullptr &&
                          (ctx->reason == Reason::invalid_key || ctx->reason == Reason::invalid_token);
    ngx_log_error(level, ctx->r->connection->log, 0, "keyward %s: %V%s", verb, &name,
                  formless ? ": it has the form of no configured key, and of no token" : "");
  }
}

}  // namespace keyward
