// A protected resource and its metadata (RFC 9728), as keyward_resource names it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keyward {

// Its metadata's URL stands in challenges, which have to have room for scopes, too.
inline constexpr std::size_t kMaxResourceBytes = 400;
inline constexpr std::string_view kMetadataPath = "/.well-known/oauth-protected-resource";

// A value type; const once the configuration was read.
struct ProtectedResource {
  std::string url;            // as it was written: its identifier
  std::string host;           // of that, without its port
  std::string metadata_url;   // RFC 9728, section 3.1: the well-known path between host and path
  std::string metadata_path;  // of that URL
  std::string scopes;         // what a first challenge asks for, separated by blanks; empty: it doesn't say
  // What a token for it may have as audience: an origin alone is the same with its slash and without.
  std::vector<std::string> audiences;
};

// path_at: where the path begins in url, which has neither query nor fragment.
ProtectedResource make_resource(std::string_view url, std::size_t path_at, std::string scopes);

// The metadata document (RFC 9728, section 2). realm: a name for people; empty: none.
std::string metadata_document(const ProtectedResource &resource, const std::vector<std::string> &authorization_servers,
                              std::string_view realm);

}  // namespace keyward
