// A token's verdict, and what it says, for people and for programs.
#include "cli/token_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/time_text.hpp"
#include "cli/describe.hpp"

namespace keyward::cli {
namespace {

// A NumericDate in words; empty where it is none.
std::string date_of(const json::Value &claims, const char *name) {
  const json::Value *claim = claims.find(name);
  if (claim == nullptr || claim->type != json::Value::Type::number) {
    return {};
  }
  constexpr double kLast = 253402300799;  // the end of the year 9999
  const double seconds = std::floor(std::strtod(claim->text.c_str(), nullptr));
  return std::isfinite(seconds) && seconds >= 0 && seconds <= kLast ? to_rfc3339(static_cast<std::int64_t>(seconds))
                                                                    : std::string();
}

void put_value(json::Writer &writer, const char *name, bool present, const json::Value &value) {
  writer.key(name);
  if (present) {
    writer.value(value);
  } else {
    writer.null();
  }
}

void print_json(Context &context, const TokenReport &report) {
  auto writer = context.json_writer();
  writer.begin_object().key("accepted").boolean(report.accepted);
  put_text(writer, "reason", report.reason);
  put_text(writer, "cause", report.cause);
  put_text(writer, "issuer", report.issuer);
  writer.key("verified").boolean(report.verified);
  put_value(writer, "header", report.has_header, report.header);
  put_value(writer, "claims", report.has_claims, report.claims);
  put_text(writer, "issued_at", date_of(report.claims, "iat"));
  put_text(writer, "not_before", date_of(report.claims, "nbf"));
  put_text(writer, "expires_at", date_of(report.claims, "exp"));
  put_text(writer, "subject", report.accepted ? report.identity.subject : std::string());
  put_text(writer, "scopes", report.accepted ? report.grants : std::string());
  writer.key("store");
  if (report.store.looked) {
    writer.begin_object();
    put_text(writer, "subject_state", report.store.subject_state);
    writer.key("denied").boolean(report.store.denied);
    put_time(writer, "denied_until_issued_at", report.store.denial.not_before_s);
    writer.end_object();
  } else {
    writer.null();
  }
  writer.key("remarks").begin_array();
  for (const auto &remark : report.remarks) {
    writer.string(remark);
  }
  writer.end_array().end_object();
  context.print(writer);
}

void print_part(Context &context, const char *title, bool present, bool verified, const json::Value &value) {
  if (!present) {
    return;
  }
  json::Writer writer(true);
  writer.value(value);
  context.out.line(std::string(title) + (verified ? ":" : " (signature not verified):"));
  std::string_view rest = writer.text();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    context.out.line(printable(line));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
}

void print_text(Context &context, const TokenReport &report) {
  Fields fields;
  fields.add("accepted", {report.accepted ? "yes" : "no", report.accepted ? Colour::green : Colour::red});
  if (!report.accepted) {
    fields.add("reason", report.reason);
    fields.add("why", report.cause);
  }
  if (!report.issuer.empty()) {
    fields.add("issuer", report.issuer);
  }
  for (const auto &[name, claim] :
       {std::pair<const char *, const char *>{"issued", "iat"}, {"not before", "nbf"}, {"expires", "exp"}}) {
    const std::string date = report.has_claims ? date_of(report.claims, claim) : std::string();
    if (!date.empty()) {
      fields.add(name, date);
    }
  }
  if (report.accepted) {
    fields.add("subject", text_of(printable(report.identity.subject)));
    fields.add("scopes", report.grants.empty() ? "(nothing)" : report.grants);
  }
  if (report.store.looked) {
    fields.add("subject in the store", text_of(report.store.subject_state));
    fields.add("denied", report.store.denied ? Cell("yes", Colour::red) : Cell("no"));
  }
  for (const auto &remark : report.remarks) {
    fields.add("remark", printable(remark));
  }
  fields.print(context.out);
  print_part(context, "header", report.has_header, report.verified, report.header);
  print_part(context, "claims", report.has_claims, report.verified, report.claims);
}

}  // namespace

void print(Context &context, const TokenReport &report) {
  if (context.json) {
    print_json(context, report);
  } else {
    print_text(context, report);
  }
}

}  // namespace keyward::cli
