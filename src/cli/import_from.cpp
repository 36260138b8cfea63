// Which form has which name.
#include "cli/import_from.hpp"

#include "cli/import_forms.hpp"

namespace keyward::cli {
namespace {

struct Form {
  std::string_view name;
  ExportForm form;
  Outcome (*convert)(const Export &from, ImportLines *to, std::vector<std::string> *notes);
};

constexpr Form kForms[] = {
    {"kong", ExportForm::kong, convert_kong},
    {"apisix", ExportForm::apisix, convert_apisix},
    {"unkey", ExportForm::unkey, convert_unkey},
    {"csv", ExportForm::csv, convert_csv},
};

}  // namespace

bool parse_export_form(std::string_view name, ExportForm *form) noexcept {
  for (const Form &each : kForms) {
    if (each.name == name) {
      *form = each.form;
      return true;
    }
  }
  return false;
}

const char *unit_of(ExportForm form) noexcept {
  return form == ExportForm::lines || form == ExportForm::csv ? "line" : "record";
}

Outcome convert_export(ExportForm form, const Export &from, ImportLines *to, std::vector<std::string> *notes) {
  for (const Form &each : kForms) {
    if (each.form == form) {
      return each.convert(from, to, notes);
    }
  }
  return store_failed("an internal error: lines need no conversion");
}

}  // namespace keyward::cli
