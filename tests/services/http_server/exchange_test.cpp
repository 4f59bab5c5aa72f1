#include <string>

#include "tests/services/http_server/running_server.hpp"
#include "tests/support/raw_client.hpp"

using namespace qck;
using namespace qck::http_server;
using namespace qck::http_server::test;
using qck::test::RawClient;

TEST_CASE("pipelined requests are answered in order on one connection", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    std::string requests;
    for (int request = 0; request < 1000; ++request) {
        requests += request % 3 == 0 ? "POST /" + std::to_string(request) +
                                           " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                    : request % 7 == 0 ? "PUT /" + std::to_string(request) +
                                             " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                             "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
                    : request % 50 == 1
                        ? "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                        : "GET /" + std::to_string(request) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    std::thread sender([&] { client.send(requests); });
    int right = 0;
    for (int request = 0; request < 1000; ++request) {
        const std::string number = std::to_string(request);
        const std::string expected = request % 3 == 0    ? "POST /" + number + " hi"
                                     : request % 7 == 0  ? "PUT /" + number + " hi"
                                     : request % 50 == 1 ? "GET /later "
                                                         : "GET /" + number + ' ';
        right += body_of(client.response()) == expected ? 1 : 0;
    }
    sender.join();
    CHECK(right == 1000);
    CHECK(server.counters().connections_accepted.value() == 1);
}

TEST_CASE("a connection stays for further requests until one says close",
          "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    for (int request = 0; request < 3; ++request) {
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        const std::string answer = client.response();
        CHECK(body_of(answer) == "GET /x ");
        CHECK(answer.find("Connection:") == std::string::npos);
        CHECK(answer.find("\r\nDate: ") != std::string::npos);
    }
    client.send(
        "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /beyond HTTP/1.1\r\nHost: "
        "a\r\n\r\n");
    const std::string answer = client.until_closed();
    CHECK(body_of(answer) == "GET /last ");
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(client.closed());
}

TEST_CASE("HTTP/1.0 is answered and closed", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    client.send("GET /x HTTP/1.0\r\n\r\n");
    const std::string answer = client.until_closed();
    CHECK(status_line(answer) == "HTTP/1.1 200 OK");
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(body_of(answer) == "GET /x ");
}

TEST_CASE("HEAD gets the head alone", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = client.response(true);
    CHECK(answer.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(body_of(answer).empty());
    CHECK(body_of(client.response()) == "GET /y ");
}

TEST_CASE("a request that comes byte by byte is understood", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    const std::string request =
        "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: u\r\n\r\n";
    for (const char byte : request + request) client.send({&byte, 1});
    CHECK(body_of(client.response()) == "POST /slow abcde");
    CHECK(body_of(client.response()) == "POST /slow abcde");
}

TEST_CASE("a body that is exactly as long as it may be comes through, one more does not",
          "[services][http_server]") {
    ServerConfig config;
    config.limits.body_bytes_max = 100'000;
    RunningServer server(config);
    const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\n";
    const std::string body(100'000, 'b');
    {
        RawClient client(server.address());
        client.send(head + "Content-Length: 100000\r\n\r\n" + body);
        CHECK(body_of(client.response()) == "POST /x " + body);
        client.send(head + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + body + "\r\n0\r\n\r\n");
        CHECK(body_of(client.response()) == "POST /x " + body);
    }
    for (const char* framing :
         {"Content-Length: 100001\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a1\r\n"}) {
        CAPTURE(framing);
        RawClient client(server.address());
        client.send(head + framing);
        CHECK(status_line(client.until_closed()) == "HTTP/1.1 413 Content Too Large");
    }
}

TEST_CASE("100 Continue is said when it is waited for, and not after a refusal",
          "[services][http_server]") {
    RunningServer server;
    const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";
    RawClient client(server.address());
    client.send(head + "Content-Length: 5\r\n\r\n");
    CHECK(client.response() == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    CHECK(body_of(client.response()) == "POST /x hello");
    // A client that does not wait needs no permission.
    client.send(head + "Content-Length: 5\r\n\r\nhello");
    CHECK(status_line(client.response()) == "HTTP/1.1 200 OK");
    client.send(head + "Content-Length: 5000000\r\n\r\n");
    CHECK(status_line(client.until_closed()) == "HTTP/1.1 413 Content Too Large");
}

TEST_CASE("an answer dropped by its handler becomes a 500", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    client.send("GET /dropped HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(status_line(client.response()) == "HTTP/1.1 500 Internal Server Error");
    CHECK(body_of(client.response()) == "GET /x ");
}

TEST_CASE("a client that goes while its answer is awaited harms nobody",
          "[services][http_server]") {
    RunningServer server;
    {
        RawClient gone(server.address());
        gone.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
        REQUIRE(eventually([&] { return server.counters().connections_accepted.value() == 1; }));
    }
    REQUIRE(eventually([&] { return server.handler().answer_held(); }));
    CHECK(eventually([&] { return server.counters().connections_open.value() == 0; }));
    RawClient client(server.address());
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(body_of(client.response()) == "GET /x ");
}

TEST_CASE("a client may end its side and still get its answers", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client.end_sending();
    CHECK(body_of(client.response()) == "GET /later ");
    CHECK(body_of(client.response()) == "GET /x ");
    CHECK(client.until_closed().empty());
    CHECK(client.closed());
}

TEST_CASE("a connection whose peer sent on while an answer was open goes on afterwards",
          "[services][http_server]") {
    RunningServer server;
    const std::string get_x = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    RawClient client(server.address());
    client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n" + get_x);
    REQUIRE(eventually([&] { return server.handler().holds() == 1; }));
    client.send(get_x);  // comes while the answer is open: the reactor looks away from the socket
    RawClient other(server.address());
    other.send(get_x);
    CHECK(body_of(other.response()) == "GET /x ");
    REQUIRE(server.handler().answer_held());
    CHECK(body_of(client.response()) == "released");
    CHECK(body_of(client.response()) == "GET /x ");
    CHECK(body_of(client.response()) == "GET /x ");
    client.send(get_x);
    CHECK(body_of(client.response()) == "GET /x ");
}

TEST_CASE("HTTP/1.0 goes on when it asks to, and is told so", "[services][http_server]") {
    RunningServer server;
    RawClient client(server.address());
    for (const char* path : {"/x", "/ready", "/later"}) {
        CAPTURE(path);
        client.send("GET " + std::string(path) + " HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        const std::string answer = client.response();
        CHECK(status_line(answer) == "HTTP/1.1 200 OK");
        CHECK(answer.find("\r\nConnection: keep-alive\r\n") != std::string::npos);
        CHECK(answer.find("Connection", answer.find("Connection") + 1) == std::string::npos);
    }
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.response().find("Connection") == std::string::npos);
}

TEST_CASE(
    "who works for a client learns that it hung up, and one that only ends its sending is "
    "answered still",
    "[services][http_server]") {
    RunningServer server;
    const std::string request = "GET /held-watched HTTP/1.1\r\nHost: a\r\n\r\n";
    SECTION("it closes") {
        {
            RawClient gone(server.address());
            gone.send(request);
            REQUIRE(eventually([&] { return server.handler().holds() == 1; }));
            CHECK_FALSE(server.handler().client_left());
        }
        CHECK(eventually([&] { return server.handler().client_left(); }));
    }
    SECTION("it closes, having sent more") {
        {
            RawClient gone(server.address());
            gone.send(request + request);
            REQUIRE(eventually([&] { return server.handler().holds() == 1; }));
        }
        CHECK(eventually([&] { return server.handler().client_left(); }));
    }
    SECTION("it ends its sending") {
        RawClient client(server.address());
        client.send(request);
        client.end_sending();
        CHECK(eventually([&] { return server.handler().client_left(); }));
        const double before_s = cpu_seconds();
        std::this_thread::sleep_for(100ms);
        CHECK(cpu_seconds() - before_s < 0.05);
        REQUIRE(server.handler().answer_held());
        CHECK(body_of(client.response()) == "released");
    }
    SECTION("it stays") {
        RawClient client(server.address());
        client.send(request);
        REQUIRE(eventually([&] { return server.handler().answer_held(); }));
        CHECK(body_of(client.response()) == "released");
        CHECK_FALSE(server.handler().client_left());
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(body_of(client.response()) == "GET /x ");
    }
}
