#include <string>

#include "tests/base/http/refused_requests.hpp"
#include "tests/services/http_server/running_server.hpp"
#include "tests/support/raw_client.hpp"

using namespace qck;
using namespace qck::http_server::test;

TEST_CASE("each malformed request is answered with its status and the connection closed",
          "[services][http_server]") {
    RunningServer server;
    std::uint64_t refused_count = 0;
    for (const auto& refused : http::test::refused_requests()) {
        CAPTURE(refused.text.substr(0, 200));
        qck::test::RawClient client(server.address());
        // A request smuggled in behind it must not be answered.
        client.send(refused.text + "\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        const std::string answer = client.until_closed();
        CHECK(status_line(answer).starts_with("HTTP/1.1 " + std::to_string(refused.status) + ' '));
        CHECK(answer.find("Connection: close\r\n") != std::string::npos);
        CHECK(answer.find("application/problem+json") != std::string::npos);
        CHECK(answer.find("smuggled") == std::string::npos);
        CHECK(answer.find("\nHTTP/1.1") == std::string::npos);  // one answer
        CHECK(client.closed());
        ++refused_count;
    }
    CHECK(server.counters().bad_requests.value() == refused_count);
    CHECK(eventually([&] { return server.counters().connections_open.value() == 0; }));
}

TEST_CASE("what came before a malformed request is answered first", "[services][http_server]") {
    RunningServer server;
    qck::test::RawClient client(server.address());
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3\nHost: "
        "a\r\n\r\n");
    CHECK(body_of(client.response()) == "GET /1 ");
    CHECK(body_of(client.response()) == "GET /2 ");
    CHECK(status_line(client.until_closed()) == "HTTP/1.1 400 Bad Request");
}

TEST_CASE("malformed chunks are refused after the head was good", "[services][http_server]") {
    RunningServer server;
    const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const char* body :
         {"+5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
          "5\nhello\n0\n\n", "10000000000000005\r\n", "5;\x01\r\nhello\r\n",
          "1\r\nhello\r\n0\r\n\r\n", "0\r\nX : y\r\n\r\n"}) {
        CAPTURE(body);
        qck::test::RawClient client(server.address());
        client.send(head + body + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        const std::string answer = client.until_closed();
        CHECK(status_line(answer) == "HTTP/1.1 400 Bad Request");
        CHECK(answer.find("smuggled") == std::string::npos);
    }
}

TEST_CASE("the answer to a refused upload reaches a client that goes on sending",
          "[services][http_server]") {
    RunningServer server;
    qck::test::RawClient client(server.address());
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n");
    const std::string block(100'000, 'x');
    for (int sent = 0; sent < 20; ++sent) {
        if (!client.send(block)) break;
    }
    CHECK(status_line(client.until_closed()) == "HTTP/1.1 413 Content Too Large");
}
