// What verifiers said about one key.
#include "decide/request_state.hpp"

namespace keyward {

const Verifying::Answer *Verifying::find(const Digest &tag) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (answers[i].tag == tag) {
      return &answers[i];
    }
  }
  return nullptr;
}

void Verifying::add(const Digest &tag, bool matched) noexcept {
  if (count < kMaxAnswers) {
    answers[count++] = {tag, matched};
  }
}

}  // namespace keyward
