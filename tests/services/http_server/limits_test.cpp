#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "tests/services/http_server/running_server.hpp"
#include "tests/support/raw_client.hpp"

using namespace qck;
using namespace qck::http_server;
using namespace qck::http_server::test;
using qck::test::RawClient;

namespace {

/// Sends a byte now and then until the server says something, or closes; the time that took.
std::chrono::milliseconds drip(RawClient& client, char byte) {
    const std::int64_t begin_ns = monotonic_ns();
    pollfd answer{client.fd(), POLLIN, 0};
    while (::poll(&answer, 1, 20) == 0) {
        if (!client.send({&byte, 1}) ||
            monotonic_ns() - begin_ns > std::chrono::nanoseconds(10s).count())
            break;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::nanoseconds(monotonic_ns() - begin_ns));
}

}  // namespace

TEST_CASE("the deadline of a head holds against a byte now and then", "[services][http_server]") {
    ServerConfig config;
    config.head_timeout = 300ms;
    config.idle_timeout = 60s;
    RunningServer server(config);
    RawClient client(server.address());
    client.send("GET /");
    const auto took = drip(client, 'x');
    CHECK(took >= 250ms);
    CHECK(took < 5s);
    CHECK(status_line(client.until_closed()) == "HTTP/1.1 408 Request Timeout");
    CHECK(server.counters().timeouts.value() == 1);
}

TEST_CASE("the deadline of a body holds against a byte now and then", "[services][http_server]") {
    ServerConfig config;
    config.body_timeout = 300ms;
    config.head_timeout = 60s;
    RunningServer server(config);
    for (const char* framing :
         {"Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nffff\r\n"}) {
        CAPTURE(framing);
        RawClient client(server.address());
        client.send("POST / HTTP/1.1\r\nHost: a\r\n" + std::string(framing));
        CHECK(drip(client, 'x') < 5s);
        CHECK(status_line(client.until_closed()) == "HTTP/1.1 408 Request Timeout");
    }
}

TEST_CASE("an idle connection is closed without a word", "[services][http_server]") {
    ServerConfig config;
    config.idle_timeout = 300ms;
    RunningServer server(config);
    RawClient silent(server.address());
    RawClient used(server.address());
    used.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(body_of(used.response()) == "GET /x ");
    CHECK(used.until_closed().empty());
    CHECK(used.closed());
    CHECK(silent.until_closed().empty());
    CHECK(silent.closed());
}

TEST_CASE("connections beyond the cap are closed, and the rest served", "[services][http_server]") {
    ServerConfig config;
    config.connections_max = 3;
    RunningServer server(config);
    const std::string request = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int client = 0; client < 3; ++client) {
        clients.push_back(std::make_unique<RawClient>(server.address()));
        clients.back()->send(request);
        CHECK(body_of(clients.back()->response()) == "GET /x ");
    }
    RawClient beyond(server.address());
    CHECK(beyond.until_closed().empty());
    CHECK(beyond.closed());
    CHECK(server.counters().connections_refused.value() == 1);
    clients.pop_back();
    REQUIRE(eventually([&] { return server.counters().connections_open.value() == 2; }));
    RawClient again(server.address());
    again.send(request);
    CHECK(body_of(again.response()) == "GET /x ");
}

TEST_CASE("a client that does not read is no longer read from, and loses nothing",
          "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    const timeval soon{0, 300'000};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    // 20 million requests' worth of answers, were they all taken; the kernel's buffers end it long
    // before.
    std::string requests;
    for (int request = 0; request < 1000; ++request)
        requests += "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
    std::size_t sent = 0;
    for (;;) {
        const ssize_t taken = ::send(client.fd(), requests.data(), requests.size(), MSG_NOSIGNAL);
        if (taken < 0) break;  // the server has stopped reading
        sent += static_cast<std::size_t>(taken);
        REQUIRE(sent < 200'000'000);
    }
    // Others are served meanwhile.
    RawClient other(server.address());
    other.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(body_of(other.response()) == "GET /x ");
    int whole = 0;
    for (int answer = 0; answer < 20; ++answer)
        whole += body_of(client.response()).size() == 1'000'000 ? 1 : 0;
    CHECK(whole == 20);
}

TEST_CASE("a client that takes nothing is closed in time", "[services][http_server]") {
    ServerConfig config;
    config.write_timeout = 300ms;
    config.write_bytes_per_s_min = 1'000'000'000;  // nothing to speak of for all 30 MB
    RunningServer server(config);
    RawClient client(server.address());
    std::string requests;
    for (int request = 0; request < 30; ++request)
        requests += "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(requests);
    CHECK(eventually([&] { return server.counters().timeouts.value() == 1; }));
    CHECK(eventually([&] { return server.counters().connections_open.value() == 0; }));
}

TEST_CASE("the deadline of an answer holds against a client that takes a little now and then",
          "[services][http_server]") {
    ServerConfig config;
    config.write_timeout = 500ms;
    config.write_bytes_per_s_min = 100'000'000;
    RunningServer server(config);
    RawClient client(server.address());
    client.send("GET /huge HTTP/1.1\r\nHost: a\r\n\r\n");
    char bytes[8 * 1024];
    CHECK(eventually([&] {
        ::poll(nullptr, 0, 1);
        ::recv(client.fd(), bytes, sizeof bytes, MSG_DONTWAIT);
        return server.counters().timeouts.value() == 1;
    }));
}

TEST_CASE("a server that takes no bodies refuses one before it comes", "[services][http_server]") {
    ServerConfig config;
    config.limits.body_bytes_max = 0;
    RunningServer server(config);
    for (const char* body : {"Content-Length: 1000000\r\n\r\nab",
                             "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"}) {
        CAPTURE(body);
        RawClient client(server.address());
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n" + std::string(body));
        CHECK(status_line(client.until_closed()) == "HTTP/1.1 413 Content Too Large");
    }
    RawClient client(server.address());
    client.send("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    CHECK(body_of(client.response()) == "GET /x ");
}

TEST_CASE("bodies that are coming have a bound together", "[services][http_server]") {
    ServerConfig config;
    config.bodies_bytes_max = 250'000;
    RunningServer server(config);
    const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n";
    RawClient first(server.address());
    RawClient second(server.address());
    first.send(head + std::string(100'000, 'a'));
    second.send(head + std::string(100'000, 'b'));
    std::size_t buffered = 0;
    REQUIRE(eventually([&] {
        std::promise<std::size_t> told;
        server.post([&](Server& on) { told.set_value(on.body_bytes()); });
        buffered = told.get_future().get();
        return buffered == 200'000;
    }));
    RawClient third(server.address());
    third.send(head + std::string(100'000, 'c'));
    const std::string refusal = third.until_closed();
    CHECK(status_line(refusal) == "HTTP/1.1 503 Service Unavailable");
    CHECK(refusal.find("\r\nRetry-After: 1\r\n") != std::string::npos);
    // What was refused or is complete makes room.
    first.send("a");
    CHECK(body_of(first.response()).size() == 8 + 100'001);
    RawClient fourth(server.address());
    fourth.send(head + std::string(100'001, 'd'));
    CHECK(body_of(fourth.response()).size() == 8 + 100'001);
}
