// Keys and lists in words and in JSON.
#include "cli/describe.hpp"

#include "auth/scope.hpp"
#include "base/networks.hpp"
#include "base/time_text.hpp"
#include "keys/key_state.hpp"

namespace keyward::cli {

void put_text(json::Writer &writer, std::string_view name, std::string_view text) {
  writer.key(name);
  if (text.empty()) {
    writer.null();
  } else {
    writer.string(text);
  }
}

void put_time(json::Writer &writer, std::string_view name, std::int64_t time_s) {
  put_text(writer, name, time_s == 0 ? std::string() : to_rfc3339(time_s));
}

void put_scopes(json::Writer &writer, const OptionalList<std::string> &scopes) {
  writer.key("scopes");
  if (!scopes.present) {
    writer.null();
    return;
  }
  writer.begin_array();
  for (const auto &scope : scopes.items) {
    writer.string(scope);
  }
  writer.end_array();
}

void put_limits(json::Writer &writer, const OptionalList<Rate> &limits) {
  writer.key("limits");
  if (!limits.present) {
    writer.null();
    return;
  }
  writer.begin_array();
  for (const auto &limit : limits.items) {
    writer.string(to_text(limit));
  }
  writer.end_array();
}

void put_networks(json::Writer &writer, std::string_view name, std::string_view packed) {
  writer.key(name);
  if (packed.empty()) {
    writer.null();
    return;
  }
  writer.begin_array();
  for (const auto &network : unpack_networks(packed)) {
    writer.string(to_text(network));
  }
  writer.end_array();
}

void Description::text(std::string_view member, std::string_view label, std::string_view value) {
  if (json_ == nullptr) {
    for_people(label, text_of(value));
  } else if (!member.empty()) {
    put_text(*json_, member, value);
  }
}

void Description::time(std::string_view member, std::string_view label, std::int64_t time_s) {
  text(member, label, time_s == 0 ? std::string() : to_rfc3339(time_s));
}

void Description::number(std::string_view member, std::string_view label, std::uint64_t value, bool is_present) {
  if (json_ == nullptr) {
    fields_->add(label, is_present ? std::to_string(value) : "-");
  } else if (is_present) {
    json_->key(member).number(static_cast<std::int64_t>(value));
  } else {
    json_->key(member).null();
  }
}

void Description::flag(std::string_view member, std::string_view label, bool value) {
  if (json_ != nullptr) {
    json_->key(member).boolean(value);
  } else if (!label.empty()) {
    fields_->add(label, value ? "yes" : "no");
  }
}

void Description::scopes(const OptionalList<std::string> &scopes) {
  if (json_ != nullptr) {
    put_scopes(*json_, scopes);
  } else {
    fields_->add("scopes", scopes_text(scopes));
  }
}

void Description::limits(const OptionalList<Rate> &limits) {
  if (json_ != nullptr) {
    put_limits(*json_, limits);
  } else {
    fields_->add("limits", limits_text(limits));
  }
}

void Description::concurrency(std::uint32_t most) {
  if (json_ != nullptr || most != 0) {
    number("concurrency", "concurrency", most, most != 0);
  }
}

void Description::allow_from(std::string_view packed) {
  if (json_ != nullptr) {
    put_networks(*json_, "allow_from", packed);
  } else if (!packed.empty()) {
    fields_->add("allow from", networks_text(packed));
  }
}

void Description::meta(std::string_view json) {
  if (json_ == nullptr) {
    if (!json.empty()) {
      fields_->add("meta", std::string(json));
    }
    return;
  }
  json_->key("meta");
  if (json.empty()) {
    json_->null();
  } else {
    json_->as_written(json);
  }
}

void Description::terms(const KeyRecord &key) {
  text("name", "name", key.name);
  text("subject", "subject", key.subject);
  text("plan", "plan", key.plan);
  scopes(key.scopes);
  limits(key.limits);
  concurrency(key.concurrency);
  allow_from(key.allow_from);
  meta(key.meta);
}

void Description::text_as(std::string_view member, std::string_view label, std::string_view value, Cell cell) {
  for_people(label, std::move(cell));
  if (json_ != nullptr) {
    put_text(*json_, member, value);
  }
}

void Description::for_people(std::string_view label, Cell cell) {
  if (fields_ != nullptr && !label.empty()) {
    fields_->add(label, std::move(cell));
  }
}

std::string text_of(std::string_view text) { return text.empty() ? "-" : std::string(text); }

std::string scopes_text(const OptionalList<std::string> &scopes) {
  return !scopes.present ? "-" : scopes.items.empty() ? "(nothing)" : join(scopes.items, ' ');
}

std::string limits_text(const OptionalList<Rate> &limits) {
  return !limits.present ? "-" : limits.items.empty() ? "(none)" : to_text(limits.items);
}

std::string time_text(std::int64_t time_s) { return time_s == 0 ? "-" : to_rfc3339(time_s); }

std::string number_text(std::uint64_t number) { return number == 0 ? "-" : std::to_string(number); }

std::string ago_text(std::int64_t time_s, std::int64_t now_s) {
  if (time_s == 0) {
    return "-";
  }
  const auto words = to_words(now_s - time_s);
  return words == "just now" ? words : words + " ago";
}

Cell state_cell(const KeyRecord &key, std::int64_t now_s) {
  const auto colour = keys::is_active(key, now_s)      ? Colour::green
                      : key.state == KeyState::revoked ? Colour::red
                                                       : Colour::yellow;
  return {std::string(keys::effective_state(key, now_s)), colour};
}

}  // namespace keyward::cli
