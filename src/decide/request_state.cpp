// What verifiers said about one key.
#include "decide/request_state.hpp"

namespace keyward {

const VerifierAnswers::One *VerifierAnswers::find(const Digest &tag) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (items[i].tag == tag) {
      return &items[i];
    }
  }
  return nullptr;
}

void VerifierAnswers::add(const Digest &tag, bool matched) noexcept {
  if (count < kMax) {
    items[count++] = {tag, matched};
  }
}

}  // namespace keyward
