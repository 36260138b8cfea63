// What a window is at a moment, whether a charge fits into it, and what to tell.
#include "limit/window_rule.hpp"

#include <algorithm>

namespace keyward::window_rule {
namespace {

constexpr int kUnusedEndBits = 64 - 36;
constexpr std::int64_t kDayMs = 86'400'000;

// How much of what the request paid lies in this window. It began a length before its end; what was paid earlier was
// another's. Where the two don't fit together nothing was paid, so that the request pays again rather than not at all.
std::uint32_t paid_in(const WindowCharge &ask, const View &view) noexcept {
  const auto left_then = static_cast<std::int64_t>(view.end_ms - ask.paid_ms);
  const bool same = ask.by_calendar() ? ask.paid_ms == turn_of(ask.kind, view.number)
                                      : left_then > 0 && left_then <= static_cast<std::int64_t>(ask.length_ms);
  return same && view.used >= ask.paid ? ask.paid : 0;
}

View still_open(const WindowCharge &ask, Word word, Kind kind, std::int64_t ahead) noexcept {
  const auto length = static_cast<std::int64_t>(ask.length_ms);
  View view;
  view.open = true;
  view.used = count_in(word);
  view.cut = length_in(kind) > length && ahead > length;
  view.end_ms = ask.now_ms + static_cast<std::uint64_t>(view.cut ? length : ahead);
  return view;
}

// A window that nothing is charged to counts as not open, unless (another's clock being ahead) its end would move back.
View view_fixed(const WindowCharge &ask, Word word, Kind kind) noexcept {
  const std::int64_t ahead = ahead_of(word, kind, ask.now_ms);
  const bool empty = count_in(word) == 0 && ahead <= static_cast<std::int64_t>(ask.length_ms);
  return ahead > 0 && !empty ? still_open(ask, word, kind, ahead) : opening(ask);
}

void weigh(const WindowCharge &ask, Word before, View *view) noexcept {
  const std::int64_t in_view = ahead_of(before, ask.now_ms) + static_cast<std::int64_t>(ask.length_ms);
  view->before = count_in(before);
  view->weight_ms = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(in_view, 0)), ask.length_ms);
}

// A new window is begun under the mutex by writing `before`, then swapping the word. So `before` is what the word
// follows, or (the swap still to come, or never, where its process was killed) the word's own end and some count of
// its: then somebody's clock has passed that end, and ours is taken to have. Or it is 0, where a window that is out
// of view is about to be followed. A word that has rolled on never comes back, so no charge is counted on a `before`
// that isn't its own.
View view_sliding(const WindowCharge &asked, Word word, Word before, Kind kind) noexcept {
  WindowCharge ask = asked;
  std::int64_t ahead = ahead_of(word, kind, ask.now_ms);
  if (ahead > 0 && before >> kCountBits != word >> kCountBits) {
    View view = still_open(ask, word, kind, ahead);
    weigh(ask, before, &view);
    return view;
  }
  if (ahead > 0) {
    ask.now_ms += static_cast<std::uint64_t>(ahead);
    ahead = 0;
  }
  if (ahead + static_cast<std::int64_t>(ask.length_ms) <= 0) {
    return opening(ask);
  }
  View view;
  view.rolls = true;
  view.end_ms = ask.now_ms + ask.length_ms - static_cast<std::uint64_t>(-ahead);
  weigh(ask, word, &view);
  return view;
}

// Which one it is says the number that is kept beside its word, whatever the clocks have made of its end: that only
// says until when the slot is needed at least, and tells this word from all others. A number above the present one is
// that of a clock which has stepped back since. Of another kind, as of a limit that was changed, it goes by its end.
View view_calendar(const WindowCharge &ask, Word word, Word mark, Kind kind) noexcept {
  View view;
  if (kind != ask.kind) {
    view = view_fixed(ask, word, kind);
    view.number = ask.number;
    return view;
  }
  const std::int64_t ahead = ahead_of(word, ask.now_ms);
  if (is_marked(word, mark) && count_in(mark) >= ask.number) {
    view.open = true;
    view.used = count_in(word);
    view.number = count_in(mark);
    view.end_ms = ask.now_ms + static_cast<std::uint64_t>(ahead);
    return view;
  }
  view = opening(ask);
  view.end_ms =
      ask.now_ms + static_cast<std::uint64_t>(std::max(static_cast<std::int64_t>(view.end_ms - ask.now_ms), ahead + 1));
  return view;
}

std::uint32_t remaining_of(const WindowCharge &ask, const View &view, std::uint32_t used) noexcept {
  if (used >= ask.limit) {
    return 0;
  }
  if (view.before == 0) {  // as of every fixed window: saves a division
    return ask.limit - used;
  }
  const std::uint64_t room = (ask.limit - used) * ask.length_ms;
  const std::uint64_t taken = view.before * view.weight_ms;
  return taken >= room ? 0 : static_cast<std::uint32_t>((room - taken) / ask.length_ms);
}

// How long a sliding window's count before the one in question must have gone out of view until it leaves `room`.
std::uint64_t out_of_view_ms(const WindowCharge &ask, std::uint32_t before, std::uint32_t room) noexcept {
  return before <= room ? 0 : ask.length_ms - room * ask.length_ms / before;
}

std::uint64_t retry_of(const WindowCharge &ask, const View &view, std::uint64_t left_ms) noexcept {
  if (!ask.sliding() || ask.again > ask.limit) {
    return left_ms;
  }
  if (view.used <= ask.limit - ask.again) {  // in this window, which began where the one before ended
    const std::uint64_t wait = out_of_view_ms(ask, view.before, ask.limit - ask.again - view.used);
    const std::uint64_t waited = ask.length_ms - view.weight_ms;
    return wait > waited ? wait - waited : 0;
  }
  return left_ms + out_of_view_ms(ask, view.used, ask.limit - ask.again);
}

// By the wall clock, whatever the window's word says.
void tell_turn(const WindowCharge &ask, const View &view, WindowState *state) noexcept {
  const auto turn_s = static_cast<std::int64_t>(turn_of(ask.kind, view.number));
  state->reset_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(turn_s - ask.wall_s, 1)) * 1000;
  state->retry_ms = state->admitted ? 0 : state->reset_ms;
  state->charged_ms = static_cast<std::uint64_t>(turn_s);
}

}  // namespace

std::int64_t ahead_of(Word word, std::uint64_t now_ms) noexcept {
  const std::uint64_t distance = (word >> kCountBits) - now_ms;
  return static_cast<std::int64_t>(distance << kUnusedEndBits) >> kUnusedEndBits;
}

std::int64_t ahead_of(Word word, Kind kind, std::uint64_t now_ms) noexcept {
  const std::int64_t ahead = ahead_of(word, now_ms);
  return ahead > length_in(kind) + kDayMs ? std::int64_t{-1} * kDayMs * kMaxWindowSeconds : ahead;
}

std::uint64_t turn_of(Kind kind, std::uint32_t number) noexcept {
  return static_cast<std::uint64_t>(end_of(period_in(kind), number));
}

View opening(const WindowCharge &ask) noexcept {
  View view;
  view.due = ask.cost;
  view.end_ms = ask.now_ms + ask.length_ms;
  view.number = ask.number;
  return view;
}

Word before_of(const WindowCharge &ask, const View &view, Word word) noexcept {
  return ask.by_calendar() ? make_mark(view.end_ms, view.number) : view.rolls ? word : 0;
}

View view_of(const WindowCharge &ask, Word word, Word before, Kind kind) noexcept {
  View view = (ask.kind & kKindFlags) == 0 ? view_fixed(ask, word, kind)
              : ask.by_calendar()          ? view_calendar(ask, word, before, kind)
                                           : view_sliding(ask, word, (kind & kCalendarFlag) == 0 ? before : 0, kind);
  view.due = ask.cost;
  if (ask.paid != 0 && view.open && !view.cut && kind == ask.kind) {
    view.paid = paid_in(ask, view);
    view.due -= std::min(view.paid, view.due);
  }
  return view;
}

// before * weight / length + used + due <= limit, in whole numbers: counts have 28 bits and lengths 35.
bool fits(const WindowCharge &ask, const View &view) noexcept {
  if (ask.cost > ask.limit || view.used > ask.limit - view.due) {
    return false;
  }
  const std::uint64_t room = ask.limit - view.used - view.due;
  return view.before * view.weight_ms <= room * ask.length_ms;
}

WindowState state_of(const WindowCharge &ask, const View &view, bool admitted) noexcept {
  WindowState state;
  state.admitted = admitted;
  state.limit = ask.limit;
  state.taken = admitted ? view.due : 0;
  state.paid = view.paid + state.taken;
  state.remaining = remaining_of(ask, view, view.used + state.taken);
  const std::uint64_t left_ms = view.end_ms > ask.now_ms ? view.end_ms - ask.now_ms : 0;
  state.reset_ms = std::min(left_ms, ask.length_ms);
  state.retry_ms = admitted ? 0 : retry_of(ask, view, state.reset_ms);
  state.charged_ms = ask.now_ms + (left_ms - state.reset_ms);  // not before the window began
  if (ask.by_calendar()) {
    tell_turn(ask, view, &state);
  }
  return state;
}

}  // namespace keyward::window_rule
