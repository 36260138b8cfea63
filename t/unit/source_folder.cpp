// The only file that is compiled with the project's path, so that a compiler's cache serves several checkouts.
#include "vectors.hpp"

namespace keyward::test {

std::filesystem::path source_folder() { return KEYWARD_SOURCE_DIR; }

}  // namespace keyward::test
