#include "cli/client/rest_client.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/net/address.hpp"
#include "tests/support/captured_stderr.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using namespace qck::client;
using test::contains;

namespace {

/// Accepts connections one after another and gives each to `serve`, which answers as it likes.
class ScriptedServer {
public:
    using Serve = std::function<void(int connection, int number)>;

    explicit ScriptedServer(Serve serve) {
        auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
        REQUIRE(listeners.has_value());
        listener_ = std::move(listeners->front());
        // The listener does not block; this server's one thread shall.
        const int flags = ::fcntl(listener_.get(), F_GETFL);
        ::fcntl(listener_.get(), F_SETFL, flags & ~O_NONBLOCK);
        url_ = "http://" + net::local_address(listener_.get())->to_string();
        thread_ = std::thread([this, serve = std::move(serve)] {
            for (int number = 0;; ++number) {
                const net::Fd connection(::accept(listener_.get(), nullptr, nullptr));
                if (!connection) return;
                serve(connection.get(), number);
            }
        });
    }
    ~ScriptedServer() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    const std::string& url() const { return url_; }

private:
    net::Fd listener_;
    std::string url_;
    std::thread thread_;
};

/// Reads up to the end of a request without body; empty when the client went away.
std::string read_request(int connection) {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
        const auto got = ::recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) return {};
        request.append(buffer, static_cast<std::size_t>(got));
    }
    return request;
}

void write_text(int connection, const std::string& text) {
    static_cast<void>(::send(connection, text.data(), text.size(), MSG_NOSIGNAL));
}

RestClient client_of(const std::string& url,
                     std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    RestConfig config;
    config.service = *parse_service_url(url);
    config.request_timeout = timeout;
    config.unreachable_hint = "start it";
    return RestClient(std::move(config));
}

}  // namespace

TEST_CASE("addresses of services are parsed", "[client]") {
    const auto plain = parse_service_url("http://127.0.0.1:8081");
    REQUIRE(plain.has_value());
    CHECK(plain->host == "127.0.0.1");
    CHECK(plain->port == 8081);
    CHECK_FALSE(plain->secure);
    const auto secure = parse_service_url("https://api.example/base/");
    REQUIRE(secure.has_value());
    CHECK(secure->secure);
    CHECK(secure->port == 443);
    CHECK(secure->base_path == "/base");
    CHECK(parse_service_url("http://[::1]:9/")->host == "::1");
    CHECK(parse_service_url("localhost:8081")->port == 8081);
    CHECK(parse_service_url("127.0.0.1:8081")->text == "http://127.0.0.1:8081");
    for (const auto* wrong :
         {"", "localhost", "ftp://a/", "http://", "http://:80", "http://a:x", "http://a:0",
          "http://a:70000", "http://u@a/", "http://[::1", "http://a/?x", "http://a b/"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_service_url(wrong).has_value());
    }
}

TEST_CASE("a service that is not there is named with what to do", "[client]") {
    std::string url;
    {
        url = ScriptedServer([](int, int) {}).url();
    }
    const auto answer = client_of(url).send("GET", "/");
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::unavailable);
    CHECK(answer.error().message == "cannot reach " + url + ": connection refused (start it)");
}

TEST_CASE("who is waited for longer than two seconds is named on stderr, once", "[client]") {
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "stderr";
    const auto said = [&] { return test::text_of_file(file); };
    bool in_time = false;
    const ScriptedServer server([&](int connection, int) {
        for (const bool slow : {false, true}) {
            read_request(connection);
            if (slow) in_time = test::eventually([&] { return !said().empty(); });
            write_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    RestConfig config;
    config.service = *parse_service_url(server.url());
    config.command = "qck mode show";
    test::CapturedStderr captured(file);
    RestClient client(std::move(config));
    const bool quick = client.send("GET", "/").has_value() && said().empty();
    const bool slow = client.send("GET", "/").has_value();
    CHECK(captured.end() ==
          "qck mode show: waiting for " + server.url() + " (2 s of at most 30 s)\n");
    CHECK(quick);
    CHECK(slow);
    CHECK(in_time);
}

TEST_CASE("one connection serves many requests and is made anew when it was closed", "[client]") {
    std::atomic<int> connections{0};
    const ScriptedServer server([&](int connection, int) {
        ++connections;
        for (int i = 0; i < 3; ++i) {
            if (read_request(connection).empty()) return;
            write_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    auto client = client_of(server.url());
    for (int i = 0; i < 6; ++i) {
        const auto answer = client.send("GET", "/" + std::to_string(i));
        // The third answer's connection may not be seen closed yet: then it is lost, and said to
        // be.
        if (!answer) {
            CHECK(answer.error().code == Errc::io);
            continue;
        }
        CHECK(answer->body == "ok");
    }
    CHECK(connections >= 2);
}

TEST_CASE("requests say who asks, with the token when there is one", "[client]") {
    std::string request;
    const ScriptedServer server([&](int connection, int) {
        request = read_request(connection);
        write_text(connection, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    });
    RestConfig config;
    config.service = *parse_service_url(server.url() + "/base");
    config.bearer_token = "s3cret";
    REQUIRE(RestClient(config).send("DELETE", "/x?y=1").has_value());
    CHECK(contains(request, "DELETE /base/x?y=1 HTTP/1.1\r\n"));
    CHECK(contains(request, "Authorization: Bearer s3cret\r\n"));
    CHECK(contains(request, "User-Agent: qck/"));
    CHECK(contains(request, "Host: 127.0.0.1:"));
}

TEST_CASE("a service that hangs, cuts or babbles is an error and no crash", "[client]") {
    struct Row {
        const char* answer;
        Errc code;
    };
    const auto row = GENERATE(values<Row>({
        {"", Errc::io},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Errc::io},
        {"garbage that is no HTTP\r\n\r\n", Errc::io},
        {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Errc::io},
    }));
    CAPTURE(row.answer);
    const ScriptedServer server([&](int connection, int) {
        read_request(connection);
        write_text(connection, row.answer);
    });
    const auto answer = client_of(server.url()).send("GET", "/");
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == row.code);
    CHECK(contains(answer.error().message, "lost " + server.url()));
}

TEST_CASE("a service that never answers times out", "[client]") {
    const ScriptedServer server([](int connection, int) {
        read_request(connection);
        read_request(connection);  // until the client goes
    });
    const auto answer = client_of(server.url(), std::chrono::milliseconds(50)).send("GET", "/");
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::timed_out);
}

TEST_CASE("problem documents become errors of their kind", "[client]") {
    struct Row {
        int status;
        Errc code;
    };
    const auto row = GENERATE(values<Row>({{400, Errc::invalid_argument},
                                           {422, Errc::invalid_argument},
                                           {404, Errc::not_found},
                                           {409, Errc::conflict},
                                           {503, Errc::unavailable}}));
    const ScriptedServer server([&](int connection, int) {
        read_request(connection);
        const std::string body = R"({"type":"urn:qck:x","detail":"what was wrong"})";
        write_text(connection, "HTTP/1.1 " + std::to_string(row.status) + " X\r\nContent-Length: " +
                                   std::to_string(body.size()) + "\r\n\r\n" + body);
    });
    const auto answer = client_of(server.url()).call("GET", "/");
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == row.code);
    CHECK(answer.error().message == "what was wrong");
}
