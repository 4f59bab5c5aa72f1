#include <poll.h>
#include <sys/socket.h>

#include <fstream>
#include <string>

#include "tests/services/http_server/tls_server.hpp"
#include "tests/support/raw_client.hpp"

using namespace qck;
using namespace qck::http_server;
using namespace qck::http_server::test;

namespace {

/// A TLS client that waits for what its stream wants, ten seconds at most.
class TlsClient {
public:
    TlsClient(const net::Address& to, const std::filesystem::path& ca_file)
        : context_(std::move(
              *net::TlsClientContext::create({.ca_file = ca_file.string(), .verify = true}))),
          fd_(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        REQUIRE(::connect(fd_.get(), to.data(), to.length) == 0);
        stream_ = *context_->connect(fd_.get(), "localhost");
    }

    bool handshake() { return stream_.handshake() == net::TlsStatus::ok; }
    const std::string& reason() const { return stream_.reason(); }
    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const net::TlsTransfer moved = stream_.write(bytes);
            REQUIRE(moved.status == net::TlsStatus::ok);
            bytes.remove_prefix(moved.bytes);
        }
    }
    /// At least `bytes_min` bytes, or what came until the server closed or cut the connection.
    std::string receive(std::size_t bytes_min) {
        std::string text;
        char buffer[16 * 1024];
        while (text.size() < bytes_min) {
            const net::TlsTransfer got = stream_.read(buffer, sizeof buffer);
            last_ = got.status;
            if (got.status != net::TlsStatus::ok) break;
            text.append(buffer, got.bytes);
        }
        return text;
    }
    net::TlsStatus last() const { return last_; }
    int fd() const { return fd_.get(); }

private:
    std::unique_ptr<net::TlsClientContext> context_;
    net::Fd fd_;  ///< blocking, which suits a test
    net::TlsStream stream_;
    net::TlsStatus last_ = net::TlsStatus::ok;
};

constexpr std::string_view get_long = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";

}  // namespace

TEST_CASE("requests are answered over TLS, pipelined ones too", "[services][http_server][tls]") {
    TlsServer tls;
    TlsClient client(tls.server.address(), tls.certificate.certificate_file);
    REQUIRE(client.handshake());
    client.send(get_long);
    const std::string first = client.receive(1);
    CHECK(body_of(first) == "GET /x ");
    std::string requests;
    for (int request = 0; request < 2000; ++request) requests += get_long;
    client.send("POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(body_of(client.receive(first.size())) == "POST /y hi");
    client.send(requests);
    CHECK(client.receive(2000 * first.size()).size() == 2000 * first.size());
}

TEST_CASE("large answers go over TLS whole", "[services][http_server][tls]") {
    TlsServer tls;
    TlsClient client(tls.server.address(), tls.certificate.certificate_file);
    REQUIRE(client.handshake());
    client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(body_of(client.receive(2'000'000)) == std::string(1'000'000, 'x'));
    CHECK(client.last() == net::TlsStatus::closed);  // said properly, so nothing was cut off
}

TEST_CASE("an exchanged certificate is shown to new connections, old ones go on",
          "[services][http_server][tls]") {
    TlsServer tls;
    const auto old_ca = tls.directory.path() / "old.pem";
    std::filesystem::copy_file(tls.certificate.certificate_file, old_ca);
    TlsClient before(tls.server.address(), old_ca);
    REQUIRE(before.handshake());

    qck::test::write_certificate(tls.directory.path(), "second");
    REQUIRE(tls.context->reload().has_value());
    TlsClient after(tls.server.address(), tls.certificate.certificate_file);
    CHECK(after.handshake());
    TlsClient distrusting(tls.server.address(), old_ca);
    CHECK_FALSE(distrusting.handshake());
    before.send(get_long);
    CHECK(body_of(before.receive(1)) == "GET /x ");

    std::ofstream(tls.certificate.certificate_file) << "garbage";
    CHECK(tls.context->reload().has_error());
    after.send(get_long);
    CHECK(body_of(after.receive(1)) == "GET /x ");
}

TEST_CASE("plain HTTP on a TLS port is closed", "[services][http_server][tls]") {
    TlsServer tls;
    qck::test::RawClient client(tls.server.address());
    client.send(get_long);
    CHECK(client.until_closed().find("HTTP/1.1") == std::string::npos);
    CHECK(client.closed());
}

TEST_CASE("a handshake that does not come is not waited for", "[services][http_server][tls]") {
    ServerConfig config;
    config.head_timeout = 300ms;
    TlsServer tls(config);
    qck::test::RawClient client(tls.server.address());
    client.send("\x16\x03\x01");
    CHECK(client.until_closed().empty());
    CHECK(client.closed());
    CHECK(tls.server.counters().timeouts.value() == 1);
}
