// Which addresses are the internet's, and which a network's own.
#pragma once

#include <sys/socket.h>

namespace keyward {

// Whether anybody may be there whom everybody can reach. What is special in any way (private, of this host, of a link,
// shared, for documentation, multicast, reserved, or a way to another address) isn't, and neither is any other family.
bool is_public_address(const sockaddr *address) noexcept;

}  // namespace keyward
