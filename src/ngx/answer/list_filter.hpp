// Lists of tools, prompts and resources in the answers of MCP servers: what the caller could not call is taken out.
#pragma once

namespace keyward {

// For configurations with lists=filter; below all other filters of ours.
void install_list_filter() noexcept;

}  // namespace keyward
