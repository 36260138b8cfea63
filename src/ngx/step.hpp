// How far a decision has come.
#pragma once

#include <cstdint>

namespace keyward {

enum class Step : std::uint8_t {
  decided,  // ctx->reason says how
  wait,     // for bcrypt: decide again when woken
};

}  // namespace keyward
