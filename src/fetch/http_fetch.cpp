// By libcurl's multi interface, so that a wait can be broken off whatever it is for.
#include "fetch/http_fetch.hpp"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <string_view>

#include "base/ascii.hpp"
#include "fetch/public_address.hpp"

namespace keyward {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStepMs = 50;  // how often stop is looked at
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;
constexpr std::size_t kMaxDetailBytes = 200;

template <typename T, void (*Free)(T *)>
struct Freeing {
  void operator()(T *handle) const noexcept { Free(handle); }
};
void free_multi(CURLM *multi) noexcept { curl_multi_cleanup(multi); }
void free_easy(CURL *easy) noexcept { curl_easy_cleanup(easy); }
void free_list(curl_slist *list) noexcept { curl_slist_free_all(list); }

using Multi = std::unique_ptr<CURLM, Freeing<CURLM, free_multi>>;
using Easy = std::unique_ptr<CURL, Freeing<CURL, free_easy>>;
using List = std::unique_ptr<curl_slist, Freeing<curl_slist, free_list>>;

// What comes in, up to its caps.
struct Intake {
  std::size_t most_bytes = 0;
  std::size_t header_bytes = 0;
  std::string body;
  std::string encoding;  // Content-Encoding, but for identity
  FetchProblem problem = FetchProblem::none;
  bool turned_away = false;  // an address that isn't public
};

// Before anything is sent there, and of the very address: what a name meant when somebody else looked it up says
// nothing.
curl_socket_t on_open_socket(void *context, curlsocktype, curl_sockaddr *address) noexcept {
  if (!is_public_address(&address->addr)) {
    static_cast<Intake *>(context)->turned_away = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t on_body(char *data, std::size_t, std::size_t size, void *context) noexcept {
  auto *intake = static_cast<Intake *>(context);
  if (size > intake->most_bytes - intake->body.size()) {
    intake->problem = FetchProblem::too_large;
    return CURL_WRITEFUNC_ERROR;
  }
  try {
    intake->body.append(data, size);
  } catch (...) {
    intake->problem = FetchProblem::memory;
    return CURL_WRITEFUNC_ERROR;
  }
  return size;
}

std::string_view trim_white_space(std::string_view text) noexcept {
  constexpr const char *kWhite = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kWhite);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(kWhite) - begin + 1);
}

std::size_t on_header(char *data, std::size_t, std::size_t size, void *context) noexcept {
  auto *intake = static_cast<Intake *>(context);
  intake->header_bytes += size;
  if (intake->header_bytes > kMaxHeaderBytes) {
    intake->problem = FetchProblem::too_large;
    return CURL_WRITEFUNC_ERROR;
  }
  constexpr std::string_view kEncoding = "content-encoding:";
  const std::string_view line(data, size);
  if (equal_caseless(line.substr(0, kEncoding.size()), kEncoding)) {
    const std::string_view value = trim_white_space(line.substr(kEncoding.size()));
    try {
      intake->encoding = equal_caseless(value, "identity") ? std::string_view() : value;
    } catch (...) {
      intake->problem = FetchProblem::memory;
      return CURL_WRITEFUNC_ERROR;
    }
  }
  return size;
}

class Options {
 public:
  explicit Options(CURL *easy) noexcept : easy_(easy) {}
  template <typename Value>
  void set(CURLoption option, Value value) noexcept {
    ok_ = ok_ && curl_easy_setopt(easy_, option, value) == CURLE_OK;
  }
  bool ok() const noexcept { return ok_; }

 private:
  CURL *easy_;
  bool ok_ = true;
};

bool configure(CURL *easy, const FetchRequest &request, curl_slist *headers, Intake *intake, char *words) noexcept {
  Options options(easy);
  options.set(CURLOPT_ERRORBUFFER, words);
  options.set(CURLOPT_URL, request.url.text.c_str());
  options.set(CURLOPT_PATH_AS_IS, 1L);
  options.set(CURLOPT_HTTPHEADER, headers);
  options.set(CURLOPT_USERAGENT, "keyward");
  options.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  options.set(CURLOPT_HTTP09_ALLOWED, 0L);
  options.set(CURLOPT_WRITEFUNCTION, on_body);
  options.set(CURLOPT_WRITEDATA, intake);
  options.set(CURLOPT_HEADERFUNCTION, on_header);
  options.set(CURLOPT_HEADERDATA, intake);
  options.set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.most_bytes));
  options.set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.time_ms));
  options.set(CURLOPT_NOSIGNAL, 1L);
  // A look-up of a name that hangs must not hold up the end of a worker: its thread is left alone.
  options.set(CURLOPT_QUICK_EXIT, 1L);
  // The configured host and no other: nothing of the environment, of a home folder or of the answer has a say.
  options.set(CURLOPT_PROTOCOLS_STR, request.url.tls ? "https" : "http");
  options.set(CURLOPT_FOLLOWLOCATION, 0L);
  options.set(CURLOPT_PROXY, "");
  options.set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  options.set(CURLOPT_FRESH_CONNECT, 1L);
  options.set(CURLOPT_FORBID_REUSE, 1L);
  if (request.public_only) {
    options.set(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    options.set(CURLOPT_OPENSOCKETDATA, intake);
  }
  if (!request.url.tls) {
    return options.ok();
  }
  options.set(CURLOPT_SSL_VERIFYPEER, 1L);
  options.set(CURLOPT_SSL_VERIFYHOST, 2L);
  options.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (request.ca) {
    curl_blob blob = {};
    blob.data = const_cast<char *>(request.ca->data());  // only read
    blob.len = request.ca->size();
    blob.flags = CURL_BLOB_NOCOPY;
    options.set(CURLOPT_CAINFO_BLOB, &blob);
    // These would be trusted as well.
    options.set(CURLOPT_CAINFO, static_cast<char *>(nullptr));
    options.set(CURLOPT_CAPATH, static_cast<char *>(nullptr));
  }
  return options.ok();
}

FetchProblem problem_of(CURLcode code) noexcept {
  switch (code) {
    case CURLE_OK:
      return FetchProblem::none;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return FetchProblem::memory;
    case CURLE_COULDNT_RESOLVE_HOST:
      return FetchProblem::resolve;
    case CURLE_COULDNT_CONNECT:
      return FetchProblem::connect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return FetchProblem::tls;
    case CURLE_OPERATION_TIMEDOUT:
      return FetchProblem::timeout;
    case CURLE_FILESIZE_EXCEEDED:
      return FetchProblem::too_large;
    default:
      return FetchProblem::broken;
  }
}

// libcurl's words may quote what the server sent.
std::string printable(const char *words) {
  std::string text(words, strnlen(words, kMaxDetailBytes));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return text;
}

// Drives the transfer to its end, or until its time is over.
FetchProblem transfer(CURLM *multi, std::int64_t time_ms, const std::atomic<bool> &stop) noexcept {
  const auto until = Clock::now() + std::chrono::milliseconds(time_ms);
  for (;;) {
    if (stop.load(std::memory_order_relaxed)) {
      return FetchProblem::aborted;
    }
    int running = 0;
    if (curl_multi_perform(multi, &running) != CURLM_OK) {
      return FetchProblem::memory;
    }
    if (running == 0) {
      break;
    }
    if (Clock::now() >= until) {
      return FetchProblem::timeout;
    }
    if (curl_multi_poll(multi, nullptr, 0, kStepMs, nullptr) != CURLM_OK) {
      return FetchProblem::memory;
    }
  }
  int left = 0;
  const CURLMsg *message = curl_multi_info_read(multi, &left);
  return message != nullptr ? problem_of(message->data.result) : FetchProblem::broken;
}

FetchAnswer get(const FetchRequest &request, const std::atomic<bool> &stop) {
  FetchAnswer answer;
  Intake intake;
  intake.most_bytes = request.most_bytes;
  char words[CURL_ERROR_SIZE] = {};
  List headers(curl_slist_append(nullptr, "Accept: application/json, application/jwk-set+json"));
  curl_slist *longer = headers ? curl_slist_append(headers.get(), "Accept-Encoding: identity") : nullptr;
  if (longer == nullptr) {
    return answer;
  }
  const Multi multi(curl_multi_init());
  const Easy easy(curl_easy_init());
  if (!multi || !easy || !configure(easy.get(), request, headers.get(), &intake, words) ||
      curl_multi_add_handle(multi.get(), easy.get()) != CURLM_OK) {
    return answer;
  }
  answer.problem = transfer(multi.get(), request.time_ms, stop);
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi.get(), easy.get());
  answer.status = static_cast<int>(status);
  if (intake.problem != FetchProblem::none) {
    answer.problem = intake.problem;
  } else if (answer.problem == FetchProblem::none && status != 200) {
    const bool redirects = status >= 301 && status <= 308 && status != 304;
    answer.problem = redirects ? FetchProblem::redirect : FetchProblem::status;
  } else if (answer.problem == FetchProblem::none && !intake.encoding.empty()) {
    answer.problem = FetchProblem::encoded;
    answer.detail = printable(intake.encoding.c_str());
  } else if (answer.problem != FetchProblem::none) {
    answer.problem =
        intake.turned_away && answer.problem == FetchProblem::connect ? FetchProblem::not_public : answer.problem;
    answer.detail = printable(words);
  }
  if (answer.problem == FetchProblem::none) {
    answer.body = std::move(intake.body);
  }
  return answer;
}

}  // namespace

bool init_fetching() noexcept { return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

FetchAnswer http_get(const FetchRequest &request, const std::atomic<bool> &stop) noexcept {
  try {
    return get(request, stop);
  } catch (...) {
    return FetchAnswer();
  }
}

}  // namespace keyward
