// Certificates of a ca= file.
#pragma once

#include <cstddef>
#include <string_view>

namespace keyward {

// How many certificates a PEM text holds, from its start on; 0 also where one of them can't be read.
std::size_t count_certificates(std::string_view pem) noexcept;

}  // namespace keyward
