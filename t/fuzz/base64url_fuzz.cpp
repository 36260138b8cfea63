// base64url: what decodes is what would have been written.
#include "base/base64url.hpp"

#include "fuzz.hpp"

using namespace keyward;

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  std::string bytes;
  if (from_base64url(text, &bytes)) {
    fuzz::must(to_base64url(bytes) == text);
  }
  std::string read;
  fuzz::must(from_base64url(to_base64url(text), &read) && read == text);
  return 0;
}
