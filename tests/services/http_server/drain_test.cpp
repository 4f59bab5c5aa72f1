#include <poll.h>

#include <string>

#include "tests/services/http_server/running_server.hpp"
#include "tests/support/raw_client.hpp"

using namespace qck;
using namespace qck::http_server;
using namespace qck::http_server::test;
using qck::test::RawClient;

namespace {

bool is_drained(const RunningServer& server) {
    return eventually([&] { return server.counters().connections_open.value() == 0; });
}

}  // namespace

TEST_CASE("draining closes idle connections and refuses new ones", "[services][http_server]") {
    RunningServer server;
    RawClient idle(server.address());
    idle.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(body_of(idle.response()) == "GET /x ");
    server.drain();
    CHECK(idle.until_closed().empty());
    CHECK(idle.closed());
    CHECK(is_drained(server));
    CHECK_FALSE(RawClient(server.address()).connected());
}

TEST_CASE("draining lets requests under way end, and closes after them",
          "[services][http_server]") {
    RunningServer server;
    RawClient partial(server.address());
    RawClient uploading(server.address());
    RawClient waiting(server.address());
    waiting.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    uploading.send(
        "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    CHECK(status_line(uploading.response()) == "HTTP/1.1 100 Continue");
    partial.send("GET /part");
    // Its connection is served by the same thread: once it has been answered, what came before has
    // been read.
    RawClient marker(server.address());
    marker.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(body_of(marker.response()) == "GET /later ");

    server.drain();
    CHECK(marker.until_closed().empty());
    partial.send("ial HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = partial.until_closed();
    CHECK(body_of(answer) == "GET /partial ");
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    uploading.send("hello");
    CHECK(body_of(uploading.until_closed()) == "POST /up hello");
    REQUIRE(eventually([&] { return server.handler().answer_held(); }));
    const std::string held = waiting.until_closed();
    CHECK(body_of(held) == "released");
    CHECK(held.find("Connection: close\r\n") != std::string::npos);
    CHECK(is_drained(server));
}

TEST_CASE("draining ends connections whose answers were still on their way",
          "[services][http_server]") {
    ServerConfig config;
    config.idle_timeout = 60s;
    RunningServer server(config);
    RawClient client(server.address());
    client.send("GET /huge HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] {
        pollfd answer{client.fd(), POLLIN, 0};
        return ::poll(&answer, 1, 0) == 1;
    }));
    server.drain();
    // More than the kernel holds, so the drain came while this was being sent.
    CHECK(body_of(client.until_closed()).size() == 20'000'000);
    CHECK(client.closed());
    CHECK(is_drained(server));
}

TEST_CASE("draining answers those whom the kernel has accepted already",
          "[services][http_server]") {
    RunningServer server;
    std::promise<void> all_asked;
    server.post([asked = all_asked.get_future().share()](Server& on) {
        asked.wait_for(10s);
        on.drain();
    });
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int client = 0; client < 100; ++client) {
        clients.push_back(std::make_unique<RawClient>(server.address()));
        clients.back()->send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    all_asked.set_value();
    int answered = 0;
    for (const auto& client : clients) {
        const std::string answer = client->until_closed();
        if (body_of(answer) == "GET /x " && answer.find("Connection: close") != std::string::npos)
            ++answered;
    }
    CHECK(answered == 100);
    CHECK(eventually([&] { return server.counters().connections_open.value() == 0; }));
}

TEST_CASE("who pipelines loses nothing to a drain without being told", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    client.send("GET /held-ready HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] { return server.handler().holds() == 1; }));
    server.drain();
    REQUIRE(server.handler().answer_held());
    CHECK(client.response() == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    const std::string last = client.until_closed();
    CHECK(body_of(last) == "GET /x ");
    CHECK(last.find("Connection: close") != std::string::npos);
}
