// Each system's form, as convert_export() says.
#pragma once

#include <string>
#include <vector>

#include "cli/import_from.hpp"

namespace keyward::cli {

// Kong 3: pages of GET /key-auths, and of GET /consumers for their names.
Outcome convert_kong(const Export &from, ImportLines *to, std::vector<std::string> *notes);
// APISIX 3: GET /apisix/admin/consumers, and /apisix/admin/consumers/NAME/credentials.
Outcome convert_apisix(const Export &from, ImportLines *to, std::vector<std::string> *notes);
// Unkey: pages of /v2/apis.listKeys with plaintext, or rows of its table `keys` as JSON objects.
Outcome convert_unkey(const Export &from, ImportLines *to, std::vector<std::string> *notes);
// RFC 4180, with the names of an import's members in the first line.
Outcome convert_csv(const Export &from, ImportLines *to, std::vector<std::string> *notes);

}  // namespace keyward::cli
