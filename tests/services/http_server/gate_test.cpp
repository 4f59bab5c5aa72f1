#include <poll.h>

#include <atomic>
#include <string>

#include "tests/services/http_server/running_server.hpp"
#include "tests/support/raw_client.hpp"

using namespace qck;
using namespace qck::http_server;
using namespace qck::http_server::test;
using qck::test::RawClient;

namespace {

/// Everything must wait, and each batch for a mark of its own.
class CountingGate final : public OutputGate {
public:
    std::uint64_t mark() override { return ++marks_; }
    bool reaches(std::uint64_t marks) const {
        return eventually([&] { return marks_.load() == marks; });
    }

private:
    std::atomic<std::uint64_t> marks_{0};
};

bool has_answer(const RawClient& client) {
    pollfd answer{client.fd(), POLLIN, 0};
    return ::poll(&answer, 1, 0) == 1;
}

const std::string get_x = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("answers leave when what they promise is durable, and not before",
          "[services][http_server]") {
    CountingGate gate;
    RunningServer server({}, nullptr, &gate);
    RawClient first(server.address());
    first.send(get_x);
    REQUIRE(gate.reaches(1));
    RawClient second(server.address());
    second.send(get_x + get_x);
    REQUIRE(gate.reaches(2));
    CHECK_FALSE(has_answer(first));
    server.open_gate(1);
    CHECK(body_of(first.response()) == "GET /x ");
    CHECK_FALSE(has_answer(second));
    server.open_gate(2);
    CHECK(body_of(second.response()) == "GET /x ");
    CHECK(body_of(second.response()) == "GET /x ");
    // The connection goes on afterwards.
    first.send(get_x);
    REQUIRE(gate.reaches(3));
    server.open_gate(3);
    CHECK(body_of(first.response()) == "GET /x ");
}

TEST_CASE("what a client sends while its answers are held is answered after them",
          "[services][http_server]") {
    CountingGate gate;
    RunningServer server({}, nullptr, &gate);
    RawClient client(server.address());
    client.send(get_x);
    REQUIRE(gate.reaches(1));
    client.send("POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    server.open_gate(1);
    CHECK(body_of(client.response()) == "GET /x ");
    REQUIRE(gate.reaches(2));
    server.open_gate(2);
    CHECK(body_of(client.response()) == "POST /y hi");
}

TEST_CASE("a client that goes while its answers are held harms nobody", "[services][http_server]") {
    CountingGate gate;
    RunningServer server({}, nullptr, &gate);
    {
        RawClient gone(server.address());
        gone.send(get_x);
        REQUIRE(gate.reaches(1));
    }
    RawClient client(server.address());
    client.send(get_x);
    REQUIRE(gate.reaches(2));
    server.open_gate(2);
    CHECK(body_of(client.response()) == "GET /x ");
}

TEST_CASE("a refused request waits for the answers before it", "[services][http_server]") {
    CountingGate gate;
    RunningServer server({}, nullptr, &gate);
    RawClient client(server.address());
    client.send(get_x + "BAD\r\n\r\n");
    REQUIRE(gate.reaches(1));
    server.open_gate(1);
    CHECK(body_of(client.response()) == "GET /x ");
    CHECK(status_line(client.until_closed()) == "HTTP/1.1 400 Bad Request");
}

TEST_CASE("draining waits for answers that are held", "[services][http_server]") {
    CountingGate gate;
    RunningServer server({}, nullptr, &gate);
    RawClient client(server.address());
    client.send(get_x);
    REQUIRE(gate.reaches(1));
    server.drain();
    server.open_gate(1);
    CHECK(body_of(client.until_closed()) == "GET /x ");
    CHECK(client.closed());
    CHECK(eventually([&] { return server.counters().connections_open.value() == 0; }));
}

TEST_CASE("a later answer that joins a held one waits for its own mark",
          "[services][http_server][P1]") {
    CountingGate gate;
    RunningServer server({}, nullptr, &gate);
    RawClient client(server.address());
    client.send(get_x + "GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(gate.reaches(1));
    REQUIRE(eventually([&] { return server.handler().answer_held(); }));
    REQUIRE(gate.reaches(2));
    server.open_gate(1);
    // Another connection's answer that is released later shows that the first mark was handled.
    RawClient other(server.address());
    other.send(get_x);
    REQUIRE(gate.reaches(3));
    CHECK_FALSE(has_answer(client));
    server.open_gate(2);
    CHECK(body_of(client.response()) == "GET /x ");
    CHECK(body_of(client.response()) == "released");
    CHECK_FALSE(has_answer(other));
    server.open_gate(3);
    CHECK(body_of(other.response()) == "GET /x ");
    // An old mark that is told again releases nothing.
    client.send(get_x);
    REQUIRE(gate.reaches(4));
    server.open_gate(3);
    other.send(get_x);
    REQUIRE(gate.reaches(5));
    CHECK_FALSE(has_answer(client));
    server.open_gate(5);
    CHECK(body_of(client.response()) == "GET /x ");
}
