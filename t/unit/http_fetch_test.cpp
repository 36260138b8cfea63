// Against a server on loopback that sends just what a test says. TLS has its tests end to end (t/e2e/test_key_sets.py).
#include "fetch/http_fetch.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace keyward {
namespace {

// Answers each connection by a function in a thread of its own: send(data) is false once the client is gone.
class Server {
 public:
  using Send = std::function<bool(const std::string &)>;

  explicit Server(std::function<void(const Send &)> answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto *generic = reinterpret_cast<sockaddr *>(&address);
    EXPECT_EQ(0, bind(listener_, generic, size));
    EXPECT_EQ(0, listen(listener_, 8));
    EXPECT_EQ(0, getsockname(listener_, generic, &size));
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    stop_ = true;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;

  std::string url(const std::string &path = "/jwks") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  const std::string &head() const { return head_; }  // of the last request, once it was answered
  int connections() const { return connections_; }
  bool waits_for_client(int fd) const {
    pollfd watched = {fd, POLLIN, 0};
    while (!stop_ && poll(&watched, 1, 20) == 0) {
    }
    return !stop_;
  }

 private:
  void serve() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        return;
      }
      ++connections_;
      char buffer[4096];
      std::string head;
      ssize_t got = 1;
      while (head.find("\r\n\r\n") == std::string::npos && got > 0) {
        got = waits_for_client(fd) ? recv(fd, buffer, sizeof(buffer), 0) : 0;
        head.append(buffer, static_cast<std::size_t>(got > 0 ? got : 0));
        if (head.size() > 2 && head[0] == '\x16') {
          break;  // TLS
        }
      }
      head_ = head;
      answer_([&](const std::string &data) {
        if (data.empty()) {  // until the client leaves
          return waits_for_client(fd) && recv(fd, buffer, sizeof(buffer), 0) > 0;
        }
        return send(fd, data.data(), data.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(data.size());
      });
      close(fd);
    }
  }

  std::function<void(const Send &)> answer_;
  std::atomic<bool> stop_{false};
  std::atomic<int> connections_{0};
  int listener_ = -1, port_ = 0;
  std::string head_;
  std::thread thread_;
};

class HttpFetchTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(init_fetching()); }

  FetchAnswer get(const std::string &url, std::int64_t time_ms = 20000) {
    FetchRequest request;
    std::string error;
    EXPECT_TRUE(parse_url(url, &request.url, &error)) << error;
    request.time_ms = time_ms;
    request.most_bytes = 1000;
    return http_get(request, stop_);
  }
  FetchAnswer get_public(const std::string &url) {
    FetchRequest request;
    std::string error;
    EXPECT_TRUE(parse_url(url, &request.url, &error)) << error;
    request.public_only = true;
    return http_get(request, stop_);
  }
  FetchAnswer get_from(const std::string &answer) {
    Server server([&](const Server::Send &send) { send(answer); });
    return get(server.url());
  }

  std::atomic<bool> stop_{false};
};

TEST_F(HttpFetchTest, GetsADocument) {
  Server server([](const Server::Send &send) { send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nkeys!"); });
  const FetchAnswer answer = get(server.url("/a/../b?c=%64"));
  EXPECT_EQ(FetchProblem::none, answer.problem);
  EXPECT_EQ(200, answer.status);
  EXPECT_EQ("keys!", answer.body);
  EXPECT_EQ(0U, server.head().find("GET /a/../b?c=%64 HTTP/1.1\r\n")) << server.head();
  for (const char *unwanted : {"Cookie", "Authorization", "Referer", "Upgrade"}) {
    EXPECT_EQ(std::string::npos, server.head().find(unwanted)) << server.head();
  }
  EXPECT_NE(std::string::npos, server.head().find("\r\nAccept-Encoding: identity\r\n")) << server.head();
}

TEST_F(HttpFetchTest, TakesOnlyStatus200) {
  EXPECT_EQ("x", get_from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n").body);
  for (const int status : {201, 203, 206, 400, 401, 404, 407, 500, 503}) {
    const FetchAnswer answer =
        get_from("HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 1\r\nWWW-Authenticate: Basic\r\n\r\nx");
    EXPECT_EQ(FetchProblem::status, answer.problem) << status;
    EXPECT_EQ(status, answer.status);
    EXPECT_EQ("", answer.body);
  }
  EXPECT_EQ(FetchProblem::status, get_from("HTTP/1.1 204 No\r\n\r\n").problem);
}

TEST_F(HttpFetchTest, FollowsNoRedirect) {
  Server other([](const Server::Send &send) { send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"); });
  for (const int status : {301, 302, 303, 307, 308}) {
    const FetchAnswer answer =
        get_from("HTTP/1.1 " + std::to_string(status) + " Go\r\nLocation: " + other.url() +
                 "\r\nRefresh: 0; url=" + other.url() + "\r\nAlt-Svc: h2=\":1\"\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(FetchProblem::redirect, answer.problem);
    EXPECT_EQ(status, answer.status);
    EXPECT_EQ("", answer.body);
  }
  EXPECT_EQ(0, other.connections());
}

TEST_F(HttpFetchTest, TakesNoMoreThanItsCap) {
  const std::string most(1000, 'x');
  EXPECT_EQ(most, get_from("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + most).body);
  EXPECT_EQ(most, get_from("HTTP/1.1 200 OK\r\n\r\n" + most).body);  // until it closes
  EXPECT_EQ(FetchProblem::too_large, get_from("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + most + "x").problem);
  EXPECT_EQ(FetchProblem::too_large, get_from("HTTP/1.1 200 OK\r\n\r\n" + most + "x").problem);
  EXPECT_EQ(FetchProblem::too_large, get_from("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\nx").problem);
  // Chunks and fields without end.
  for (const std::string &piece : {std::string("1\r\nx\r\n"), std::string(1, '\0')}) {
    Server server([&](const Server::Send &send) {
      bool sent =
          send(piece.size() > 1 ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" : "HTTP/1.1 200 OK\r\n");
      while (sent) {
        sent = send(piece.size() > 1 ? piece : "X-A: " + std::string(500, 'a') + "\r\n");
      }
    });
    const FetchAnswer answer = get(server.url());
    EXPECT_EQ(FetchProblem::too_large, answer.problem);
    EXPECT_EQ("", answer.body);
  }
}

TEST_F(HttpFetchTest, GarbageAndHalfAnswers) {
  for (const char *answer :
       {"\r\n", "garbage", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n1",
        "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const FetchAnswer got = get_from(answer);
    EXPECT_NE(FetchProblem::none, got.problem) << answer;
    EXPECT_EQ("", got.body);
    for (const char c : got.detail) {
      EXPECT_TRUE(c >= 0x20 && c < 0x7f);
    }
  }
  Server mute([](const Server::Send &) {});
  EXPECT_EQ(FetchProblem::broken, get(mute.url()).problem);
  EXPECT_EQ("", get_from("HTTP/1.1 200 OK\r\nContent-Le").body);
}

// Whatever name leads here: nobody is connected to.
TEST_F(HttpFetchTest, ConnectsToPublicAddressesOnly) {
  Server server([](const Server::Send &send) { send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"); });
  const std::string port = server.url("").substr(std::string("http://127.0.0.1").size());
  for (const char *host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"}) {
    const FetchAnswer answer = get_public("http://" + (host + port) + "/jwks");
    EXPECT_EQ(FetchProblem::not_public, answer.problem) << host << ": " << answer.detail;
    EXPECT_EQ("", answer.body);
  }
  EXPECT_EQ(0, server.connections());
  EXPECT_EQ("x", get(server.url()).body);
}

// It was asked not to come so, and isn't unpacked: a small answer can become a large one.
TEST_F(HttpFetchTest, NamesACompressedAnswer) {
  for (const char *field : {"Content-Encoding: gzip", "content-encoding:\t br ", "CONTENT-ENCODING: gzip, identity"}) {
    const FetchAnswer answer =
        get_from(std::string("HTTP/1.1 200 OK\r\n") + field + "\r\nContent-Length: 3\r\n\r\n\x1f\x8b!");
    EXPECT_EQ(FetchProblem::encoded, answer.problem) << field;
    EXPECT_EQ("", answer.body);
    EXPECT_NE("", answer.detail);
  }
  EXPECT_EQ("gzip", get_from("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx").detail);
  for (const char *field : {"Content-Encoding: identity", "Content-Encoding:", "X-Content-Encoding: gzip"}) {
    EXPECT_EQ("x", get_from(std::string("HTTP/1.1 200 OK\r\n") + field + "\r\nContent-Length: 1\r\n\r\nx").body);
  }
}

TEST_F(HttpFetchTest, ASlowServerIsGivenUp) {
  Server silent([](const Server::Send &send) { send(""); });
  EXPECT_EQ(FetchProblem::timeout, get(silent.url(), 200).problem);
  Server dripping([](const Server::Send &send) {
    bool there = send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
    while (there) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      there = send("x");
    }
  });
  const FetchAnswer answer = get(dripping.url(), 200);
  EXPECT_EQ(FetchProblem::timeout, answer.problem);
  EXPECT_EQ("", answer.body);
}

TEST_F(HttpFetchTest, IsBrokenOffByItsFlag) {
  Server silent([this](const Server::Send &send) {
    stop_ = true;
    send("");
  });
  EXPECT_EQ(FetchProblem::aborted, get(silent.url(), 600000).problem);
}

TEST_F(HttpFetchTest, NobodyThere) {
  std::string url;
  {
    Server server([](const Server::Send &) {});
    url = server.url();
  }
  EXPECT_EQ(FetchProblem::connect, get(url).problem);
  EXPECT_EQ(FetchProblem::resolve, get("http://nobody.invalid/").problem);
}

TEST_F(HttpFetchTest, PlainTextIsNoTls) {
  Server server([](const Server::Send &send) { send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"); });
  const FetchAnswer answer = get("https" + server.url().substr(4));
  EXPECT_EQ(FetchProblem::tls, answer.problem);
  EXPECT_NE("", answer.detail);
}

TEST_F(HttpFetchTest, KnowsNoProxy) {
  Server proxy([](const Server::Send &send) { send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy"); });
  Server server([](const Server::Send &send) { send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkeys"); });
  for (const char *name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    setenv(name, proxy.url("").c_str(), 1);
  }
  EXPECT_EQ("keys", get(server.url()).body);
  for (const char *name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    unsetenv(name);
  }
  EXPECT_EQ(0, proxy.connections());
}

}  // namespace
}  // namespace keyward
