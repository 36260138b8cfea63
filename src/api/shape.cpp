// The words of keyward_api, and previews.
#include "api/shape.hpp"

#include <algorithm>

#include "auth/scope.hpp"
#include "base/digits.hpp"
#include "base/text_rules.hpp"

namespace keyward::api {
namespace {

constexpr PreviewLengths kKept;  // what the record has
constexpr std::string_view kDots = "...";
constexpr std::size_t kMaxPrefix = 32;

bool take_number(std::string_view text, std::size_t most, std::size_t *number) {
  std::uint64_t value = 0;
  const bool good = take_digits(&text, most, &value) && text.empty();
  *number = static_cast<std::size_t>(value);
  return good;
}

Wrong set_format(std::string_view value, Shape *shape) {
  shape->format = value;
  return value.empty() ? Wrong("\"format=\" is empty; write the name of a keyward_key_format, or leave it out") : kGood;
}

Wrong set_id_prefix(std::string_view value, Shape *shape) {
  shape->id_prefix = value;
  const bool good = std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  return good && !value.empty() && value.size() <= kMaxPrefix && is_new_id(std::string(value) + "0")
             ? kGood
             : Wrong("bad prefix " + quoted(value) + "; write up to 32 letters, digits and underscores, such as key_");
}

Wrong set_preview(std::string_view value, Shape *shape) {
  const std::size_t comma = value.find(',');
  PreviewLengths lengths{0, 0};
  const bool good =
      take_number(value.substr(0, comma), kKept.head, &lengths.head) &&
      (comma == std::string_view::npos || take_number(value.substr(comma + 1), kKept.tail, &lengths.tail));
  shape->preview = lengths;
  return good ? kGood
              : Wrong("bad preview " + quoted(value) +
                      "; write preview=HEAD or preview=HEAD,TAIL, with HEAD "
                      "from 0 to 8 and TAIL from 0 to 4");
}

Wrong set_list(std::string_view value, Shape *shape) {
  shape->only_active = value == "active";
  return value == "active" || value == "all" ? kGood
                                             : Wrong("bad list " + quoted(value) + "; write list=active or list=all");
}

Wrong set_page(std::string_view value, Shape *shape) {
  if (value == "off") {
    shape->page = 0;
    return kGood;
  }
  return take_number(value, kMostPage, &shape->page) && shape->page != 0
             ? kGood
             : Wrong("bad page " + quoted(value) + "; write page=N, with N from 1 to 1000, or page=off");
}

bool is_member_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Wrong set_fields(std::string_view value, Shape *shape) {
  for (const std::string_view word : split_list(value, ',')) {
    const std::size_t colon = word.find(':');
    const std::string_view own = word.substr(0, colon);
    const std::string_view name = colon == std::string_view::npos ? own : word.substr(colon + 1);
    const auto member = member_by_name(own);
    if (!member) {
      std::string all;
      for (std::size_t i = 0; i < kMemberCount; ++i) {
        all.append(all.empty() ? "" : ", ").append(to_text(static_cast<Member>(i)));
      }
      return "unknown member " + quoted(own) + " in \"fields=\"; there are " + all;
    }
    if (!is_member_name(name)) {
      return "bad name " + quoted(name) + " in \"fields=\"; write letters, digits, \"_\" and \"-\"";
    }
    if (!shape->names.add(*member, std::string(name))) {
      return quoted(word) + " is there twice in \"fields=\"";
    }
  }
  return shape->names.shows(Member::id) ? kGood
                                        : Wrong("\"fields=\" leaves \"id\" out, without which no key can be revoked");
}

struct Parameter {
  std::string_view name;
  Wrong (*set)(std::string_view value, Shape *shape);
};
constexpr Parameter kParameters[] = {{"format", set_format}, {"id_prefix", set_id_prefix}, {"preview", set_preview},
                                     {"list", set_list},     {"page", set_page},           {"fields", set_fields}};

Wrong read_parameter(std::string_view word, unsigned *given, Shape *shape) {
  unsigned bit = 1;
  for (const Parameter &one : kParameters) {
    if (const auto value = option(word, one.name)) {
      if ((*given & bit) != 0) {
        return quoted(word) + " is a second \"" + std::string(one.name) + "=\"; write only one";
      }
      *given |= bit;
      return one.set(*value, shape);
    }
    bit <<= 1;
  }
  return "invalid parameter " + quoted(word) + "; there are format=, id_prefix=, preview=, list=, page= and fields=";
}

}  // namespace

Wrong read_shape(const Words &words, Shape *shape) {
  if (words[1] != "self" && words[1] != "admin") {
    return "invalid value " + quoted(words[1]) + "; write \"self\" for the keys of the caller's own subject, or " +
           "\"admin\" for all";
  }
  shape->is_admin = words[1] == "admin";
  shape->page = kUsualPage;
  unsigned given = 0;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (Wrong wrong = read_parameter(words[i], &given, shape)) {
      return wrong;
    }
  }
  return shape->is_admin && shape->page == 0
             ? Wrong("\"page=off\" would answer with all keys of the store at once; write page=N for \"admin\"")
             : kGood;
}

const KeyFormat *minted_format(const Shape &shape, const KeyFormats &formats) noexcept {
  if (shape.format.empty()) {
    return formats.minted();
  }
  for (const KeyFormat &format : formats.all()) {
    if (format.name == shape.format && format.alphabet != Alphabet::any) {
      return &format;
    }
  }
  return nullptr;
}

std::string preview_text(const Shape &shape, std::string_view preview) {
  const std::size_t dots = preview.rfind(kDots);
  const bool is_usual = shape.preview && dots != std::string_view::npos && dots >= kKept.head &&
                        preview.size() == dots + kDots.size() + kKept.tail;
  if (!is_usual) {
    return std::string(preview);
  }
  const std::string_view tail = preview.substr(dots + kDots.size());
  std::string text(preview.substr(0, dots - kKept.head + shape.preview->head));
  return text.append(kDots).append(tail.substr(tail.size() - shape.preview->tail));
}

}  // namespace keyward::api
