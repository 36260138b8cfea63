// Cross-origin answers of MCP locations (Fetch Standard, "CORS protocol").
#pragma once

namespace keyward {

// Adds to every answer what pages of allowed origins need in order to read it, and answers to their preflights. For
// configurations with an MCP location.
void install_cors_filter() noexcept;

}  // namespace keyward
