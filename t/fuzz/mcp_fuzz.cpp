// The reader of JSON-RPC messages and the rules, against lenient servers: see mcp_check.hpp.
#include "mcp_check.hpp"

#include <cstring>

#include "mcp_maker.hpp"

using namespace keyward;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max_size,
                                               unsigned seed);

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  fuzz::check_mcp(fuzz::text_of(data, size));
  return 0;
}

// Half of the inputs are made, the others changed as usual: random bytes alone seldom make a message.
std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max_size, unsigned seed) {
  if (seed % 2 == 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  const std::string made = fuzz::MessageMaker(seed / 2).input();
  if (made.size() > max_size) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::memcpy(data, made.data(), made.size());
  return made.size();
}
