// Words for what can go wrong.
#include "fetch/fetch_problem.hpp"

namespace keyward {

std::string to_text(FetchProblem problem, int http_status) {
  switch (problem) {
    case FetchProblem::none:
      return "nothing is wrong";
    case FetchProblem::aborted:
      return "aborted, because the worker is exiting";
    case FetchProblem::memory:
      return "out of memory";
    case FetchProblem::resolve:
      return "the host name does not resolve";
    case FetchProblem::connect:
      return "can't connect to the host";
    case FetchProblem::tls:
      return "TLS failed, or the certificate is not trusted";
    case FetchProblem::timeout:
      return "no whole answer within 5 seconds";
    case FetchProblem::too_large:
      return "the answer is larger than 1 MiB, or its header than 64 KiB";
    case FetchProblem::redirect:
      return "it redirects (status " + std::to_string(http_status) + "), which is not followed: write the final URL";
    case FetchProblem::status:
      return "it answers with status " + std::to_string(http_status);
    case FetchProblem::broken:
      return "the answer is not whole, or no HTTP";
    case FetchProblem::unusable:
      return "the answer is no key set that can be used";
    case FetchProblem::encoded:
      return "the answer is compressed, though Accept-Encoding asks for none; let the server send it as it is";
    case FetchProblem::metadata:
      return "the provider's metadata can't be used";
    case FetchProblem::not_public:
      return "its metadata lead to another host, whose address isn't public: name that host by \"jwks_host=\" if it is "
             "meant";
  }
  return "unknown";
}

}  // namespace keyward
