// A strict JSON scanner that takes a text piece by piece, keeps nothing of it, and needs no memory.
#pragma once

namespace keyward::json {}  // namespace keyward::json
