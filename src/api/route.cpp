// Routes.
#include "api/route.hpp"

namespace keyward::api {
namespace {

// One place of the API: `name` is a path's first part (with one more for what stands under an id), empty for any.
struct Place {
  std::string_view first, second;
  bool has_second;
  bool admin_only;
  std::string_view allowed;
  Operation get, post, put, patch, remove;
};
constexpr Operation kNo = Operation::wrong_method;

// Those with names of their own come first.
constexpr Place kPlaces[] = {
    {"whoami", "", false, false, "GET, HEAD", Operation::whoami, kNo, kNo, kNo, kNo},
    {"audit", "", false, false, "GET, HEAD", Operation::audit, kNo, kNo, kNo, kNo},
    {"openapi.json", "", false, false, "GET, HEAD", Operation::openapi, kNo, kNo, kNo, kNo},
    {"activate", "", false, false, "POST", kNo, Operation::activate, kNo, kNo, kNo},
    {"verify", "", false, true, "POST", kNo, Operation::verify, kNo, kNo, kNo},
    {"subjects", "", false, true, "GET, HEAD", Operation::list_subjects, kNo, kNo, kNo, kNo},
    {"subjects", "*", true, true, "GET, HEAD, PUT, DELETE", Operation::show_subject, kNo, Operation::set_subject, kNo,
     Operation::remove_subject},
    {"limits", "*", true, true, "GET, HEAD, DELETE", Operation::show_limits, kNo, kNo, kNo, Operation::reset_limits},
    {"*", "rotate", true, false, "POST", kNo, Operation::rotate, kNo, kNo, kNo},
    {"*", "suspend", true, false, "POST", kNo, Operation::suspend, kNo, kNo, kNo},
    {"*", "resume", true, false, "POST", kNo, Operation::resume, kNo, kNo, kNo},
    {"*", "usage", true, false, "GET, HEAD", Operation::usage, kNo, kNo, kNo, kNo},
    {"*", "", false, false, "GET, HEAD, PATCH, DELETE", Operation::show, kNo, kNo, Operation::change,
     Operation::remove},
};
constexpr Place kRoot = {"", "", false, false, "GET, HEAD, POST", Operation::list, Operation::create, kNo, kNo, kNo};

Operation by_method(const Place &place, std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" ? place.get
         : method == "POST"                  ? place.post
         : method == "PUT"                   ? place.put
         : method == "PATCH"                 ? place.patch
         : method == "DELETE"                ? place.remove
                                             : kNo;
}

bool fits(std::string_view pattern, std::string_view part) noexcept {
  return pattern == "*" ? !part.empty() : pattern == part;
}

Route at(const Place &place, std::string_view method, std::string_view id) noexcept {
  const Operation operation = by_method(place, method);
  return {operation, id, operation == kNo ? place.allowed : std::string_view()};
}

}  // namespace

Route find_route(std::string_view method, std::string_view path, bool is_admin) noexcept {
  if (path.empty() || path == "/") {
    return at(kRoot, method, {});
  }
  if (path.front() != '/') {  // another path, which only begins like the location's
    return {};
  }
  path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  const std::string_view first = path.substr(0, slash);
  const bool has_second = slash != std::string_view::npos;
  // A subject may have slashes in it.
  const std::string_view second = has_second ? path.substr(slash + 1) : std::string_view();
  for (const Place &place : kPlaces) {
    if (place.has_second == has_second && (is_admin || !place.admin_only) && fits(place.first, first) &&
        (!has_second || fits(place.second, second))) {
      return at(place, method, place.second == "*" ? second : place.first == "*" ? first : std::string_view());
    }
  }
  return {};
}

bool is_write(Operation operation) noexcept {
  switch (operation) {
    case Operation::create:
    case Operation::change:
    case Operation::remove:
    case Operation::rotate:
    case Operation::suspend:
    case Operation::resume:
    case Operation::activate:
    case Operation::set_subject:
    case Operation::remove_subject:
    case Operation::reset_limits:
      return true;
    default:
      return false;
  }
}

bool is_ending(Operation operation) noexcept {
  return operation == Operation::remove || operation == Operation::suspend;
}

Lane lane_of(Operation operation) noexcept {
  switch (operation) {
    case Operation::create:
    case Operation::rotate:
    case Operation::verify:
      return Lane::hashing;
    default:
      return is_write(operation) ? Lane::changing : Lane::reading;
  }
}

bool takes_body(Operation operation) noexcept {
  switch (operation) {
    case Operation::create:
    case Operation::change:
    case Operation::rotate:
    case Operation::activate:
    case Operation::verify:
    case Operation::set_subject:
      return true;
    default:
      return false;
  }
}

}  // namespace keyward::api
