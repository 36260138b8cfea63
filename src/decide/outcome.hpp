// What one decision came to: one value, made anew for each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "auth/verified_token.hpp"
#include "jwt/cause.hpp"
#include "jwt/issuer.hpp"
#include "limit/windows.hpp"

namespace keyward {

// What was done with it.
enum class Decision : std::uint8_t { none, allowed, refused, shadow, off };
std::string_view to_text(Decision decision) noexcept;

// How a decision, or a step of it, ended: Reason::none where nothing stands against the request. Without a value it
// waits (for bcrypt, for an issuer's keys), and is made again from its beginning when that is over.
using Conclusion = std::optional<Reason>;
inline constexpr std::nullopt_t kWaits = std::nullopt;

// A limit that was looked at.
struct SeenLimit {
  bool known = false;
  WindowState state;
  std::uint64_t seen_ms = 0;   // by the clock of the windows
  std::uint32_t window_s = 0;  // Rate::window_s
  std::string_view name;       // of the configuration, for RateLimit-Policy

  // When the window closes, or, where the limit doesn't admit, when it will: from now on, as an answer may come long
  // after its decision, and by the wall clock. In seconds, rounded up. By the calendar both are exact.
  std::uint64_t reset_in_s(std::uint64_t now_ms, std::int64_t wall_s) const noexcept;
  std::uint64_t reset_at_s(std::uint64_t now_ms, std::uint64_t wall_ms) const noexcept;

 private:
  std::uint64_t reset_ms(std::uint64_t now_ms) const noexcept;
};

std::uint64_t seconds_up(std::uint64_t ms) noexcept;

struct Outcome {
  // Its rules are being looked at in this very call, and may ask who it is about: scopes and limits with variables.
  bool deciding = false;
  bool in_shadow = false;      // the place only tries: what it charges pays for nobody
  bool knows_credits = false;  // what is left of the balance, which PaidCredits has
  Decision decision = Decision::none;
  Reason reason = Reason::none;
  Kind kind = Kind::none;
  // Who it turned out to be, whatever became of it, for what decides and counts; nullptr: nobody, or not known yet.
  // Whoever tells somebody else asks named().
  std::shared_ptr<const Principal> principal;
  std::shared_ptr<const VerifiedToken> token;  // one whose signature, times and claims hold, whatever became of it
  const jwt::Issuer *issuer = nullptr;         // who issued it; of the configuration; nullptr: no accepted issuer
  jwt::Finding token_cause;                    // why it isn't one that holds
  bool has_usage_name = false;                 // a key was recognised, whatever became of it
  Digest usage_name = {};
  // Of a key that was recognised and has no principal: revoked, expired, its subject blocked.
  std::string refused_key_id;
  std::string required_scope;  // insufficient_scope: what was needed
  std::uint32_t retry_after_s = 0;
  SeenLimit limit;  // the tightest of those that were looked at
  // All of them, in the order in which they are configured, where somebody will ask: whoever decides makes the list for
  // that, and a limit that refuses makes one. nullptr: nobody does.
  std::unique_ptr<std::vector<SeenLimit>> every_limit;

  // The one place that says who may be named, to backends, in variables and in fields: whom keyward has admitted, also
  // in shadow, and to the rules of a decision itself whom it is about. nullptr: nobody.
  const Principal *named() const noexcept {
    const bool admitted = decision == Decision::allowed || (decision == Decision::shadow && reason == Reason::none);
    return admitted || deciding ? principal.get() : nullptr;
  }

  // Public, and never secret: also of a key that was refused.
  std::string_view recognised_key_id() const noexcept {
    return principal ? std::string_view(principal->key_id) : std::string_view(refused_key_id);
  }
};

}  // namespace keyward
