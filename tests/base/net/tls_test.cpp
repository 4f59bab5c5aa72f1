#include "base/net/tls.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/net/fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/test_certificate.hpp"

using namespace qck;
using namespace qck::net;

namespace {

TlsServerConfig config_of(const test::TestCertificate& certificate) {
    return {certificate.certificate_file.string(), certificate.key_file.string()};
}

/// A certificate in a directory, a server that has it and a client that trusts it.
struct TlsPair {
    TlsPair() : certificate(test::write_certificate(directory.path(), "first")) {
        auto loaded = TlsServerContext::load(config_of(certificate));
        REQUIRE(loaded.has_value());
        server = std::move(*loaded);
        auto created = TlsClientContext::create(
            {.ca_file = certificate.certificate_file.string(), .verify = true});
        REQUIRE(created.has_value());
        client = std::move(*created);
    }

    test::TemporaryDirectory directory;
    test::TestCertificate certificate;
    std::unique_ptr<TlsServerContext> server;
    std::unique_ptr<TlsClientContext> client;
};

/// Both ends of a non-blocking connection within the process.
struct Link {
    Link() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        server_end = Fd(ends[0]);
        client_end = Fd(ends[1]);
    }
    Fd server_end;
    Fd client_end;
};

struct Handshake {
    TlsStatus server = TlsStatus::want_read;
    TlsStatus client = TlsStatus::want_read;
    bool ok() const { return server == TlsStatus::ok && client == TlsStatus::ok; }
};

bool is_waiting(TlsStatus status) {
    return status == TlsStatus::want_read || status == TlsStatus::want_write;
}

/// Lets both sides work in turn until each has ended its handshake, or failed.
Handshake shake_hands(TlsStream& server, TlsStream& client) {
    Handshake both;
    for (int turn = 0; turn < 20; ++turn) {
        if (is_waiting(both.client)) both.client = client.handshake();
        if (is_waiting(both.server)) both.server = server.handshake();
    }
    return both;
}

/// All that can be read now, and how reading ended.
std::string read_all(TlsStream& stream, TlsStatus& end) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const TlsTransfer got = stream.read(buffer, sizeof buffer);
        end = got.status;
        if (got.status != TlsStatus::ok) return text;
        text.append(buffer, got.bytes);
    }
}

/// The name in the certificate that a new connection is shown.
std::string common_name_shown(const TlsServerContext& server) {
    Link link;
    TlsStream accepted = *server.accept(link.server_end.get());
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    const std::unique_ptr<SSL, decltype(&SSL_free)> client(SSL_new(context.get()), SSL_free);
    SSL_set_fd(client.get(), link.client_end.get());
    for (int turn = 0; turn < 20; ++turn) {
        SSL_connect(client.get());
        (void)accepted.handshake();
    }
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(client.get()),
                                                            X509_free);
    REQUIRE(shown != nullptr);
    char name[100] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name,
                              sizeof name);
    return name;
}

}  // namespace

TEST_CASE("bytes go both ways over TLS 1.3 with ALPN", "[base][net][tls]") {
    TlsPair pair;
    Link link;
    TlsStream server = *pair.server->accept(link.server_end.get());
    TlsStream client = *pair.client->connect(link.client_end.get(), "localhost");
    REQUIRE(shake_hands(server, client).ok());
    CHECK(server.version() == "TLSv1.3");
    CHECK(server.application_protocol() == "http/1.1");
    CHECK(client.application_protocol() == "http/1.1");

    TlsStatus end{};
    REQUIRE(client.write("hello").bytes == 5);
    CHECK(read_all(server, end) == "hello");
    CHECK(end == TlsStatus::want_read);
    REQUIRE(server.write("goodbye").bytes == 7);
    CHECK(server.shutdown() == TlsStatus::ok);
    CHECK(read_all(client, end) == "goodbye");
    CHECK(end == TlsStatus::closed);
}

TEST_CASE("a slow reader stops a writer without loss", "[base][net][tls]") {
    TlsPair pair;
    Link link;
    TlsStream server = *pair.server->accept(link.server_end.get());
    TlsStream client = *pair.client->connect(link.client_end.get(), "127.0.0.1");
    REQUIRE(shake_hands(server, client).ok());
    std::string sent;
    for (int byte = 0; byte < 2'000'000; ++byte) sent += static_cast<char>('a' + byte % 23);
    std::string received;
    std::size_t written = 0;
    bool stopped = false;
    TlsStatus end{};
    while (written < sent.size()) {
        // Another place in memory for each try, as when an output buffer grows.
        const std::string rest = sent.substr(written);
        const TlsTransfer moved = server.write(rest);
        if (moved.status == TlsStatus::ok) {
            written += moved.bytes;
            continue;
        }
        REQUIRE(moved.status == TlsStatus::want_write);
        stopped = true;
        received += read_all(client, end);
    }
    received += read_all(client, end);
    CHECK(stopped);
    CHECK(received == sent);
}

TEST_CASE("what is decrypted and not yet read is known to be pending", "[base][net][tls]") {
    TlsPair pair;
    Link link;
    TlsStream server = *pair.server->accept(link.server_end.get());
    TlsStream client = *pair.client->connect(link.client_end.get(), "localhost");
    REQUIRE(shake_hands(server, client).ok());
    REQUIRE(client.write("hello").bytes == 5);
    char buffer[2];
    REQUIRE(server.read(buffer, 2).bytes == 2);
    CHECK(server.has_pending());
    TlsStatus end{};
    CHECK(read_all(server, end) == "llo");
    CHECK_FALSE(server.has_pending());
}

TEST_CASE("a connection cut without close_notify is a failure", "[base][net][tls]") {
    TlsPair pair;
    Link link;
    TlsStream server = *pair.server->accept(link.server_end.get());
    TlsStream client = *pair.client->connect(link.client_end.get(), "localhost");
    REQUIRE(shake_hands(server, client).ok());
    link.client_end.reset();
    TlsStatus end{};
    CHECK(read_all(server, end).empty());
    CHECK(end == TlsStatus::failed);
    CHECK_FALSE(server.reason().empty());
    CHECK(server.write("x").status == TlsStatus::failed);
}

TEST_CASE("writing to a peer that is gone raises no signal", "[base][net][tls]") {
    TlsPair pair;
    Link link;
    TlsStream server = *pair.server->accept(link.server_end.get());
    TlsStream client = *pair.client->connect(link.client_end.get(), "localhost");
    REQUIRE(shake_hands(server, client).ok());
    link.client_end.reset();
    CHECK(server.write("x").status == TlsStatus::failed);  // a SIGPIPE would end the test program
    CHECK(server.reason() == "Broken pipe");
}

TEST_CASE("a client refuses names and authorities that do not fit", "[base][net][tls]") {
    TlsPair pair;
    for (const char* host : {"other.example", "127.0.0.2"}) {
        Link link;
        TlsStream server = *pair.server->accept(link.server_end.get());
        TlsStream client = *pair.client->connect(link.client_end.get(), host);
        CHECK(shake_hands(server, client).client == TlsStatus::failed);
        CAPTURE(client.reason());
        CHECK(client.reason().find("mismatch") != std::string::npos);
    }
    test::TemporaryDirectory elsewhere;
    const auto stranger = test::write_certificate(elsewhere.path(), "stranger");
    for (const bool verify : {true, false}) {
        auto other = TlsClientContext::create(
            {.ca_file = stranger.certificate_file.string(), .verify = verify});
        REQUIRE(other.has_value());
        Link link;
        TlsStream server = *pair.server->accept(link.server_end.get());
        TlsStream client = *(*other)->connect(link.client_end.get(), "localhost");
        CHECK(shake_hands(server, client).ok() == !verify);
    }
}

TEST_CASE("a client of other protocols or old versions is refused", "[base][net][tls]") {
    TlsPair pair;
    const auto outcome = [&pair](auto prepare) {
        Link link;
        TlsStream server = *pair.server->accept(link.server_end.get());
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
            SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
        prepare(context.get());
        const std::unique_ptr<SSL, decltype(&SSL_free)> client(SSL_new(context.get()), SSL_free);
        SSL_set_fd(client.get(), link.client_end.get());
        TlsStatus status = TlsStatus::want_read;
        for (int turn = 0; turn < 20 && is_waiting(status); ++turn) {
            SSL_connect(client.get());
            status = server.handshake();
        }
        return status;
    };
    CHECK(outcome([](SSL_CTX*) {}) == TlsStatus::ok);
    CHECK(outcome([](SSL_CTX* context) {
              static constexpr unsigned char only_h2[] = {2, 'h', '2'};
              SSL_CTX_set_alpn_protos(context, only_h2, sizeof only_h2);
          }) == TlsStatus::failed);
    CHECK(outcome([](SSL_CTX* context) {
              SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
          }) == TlsStatus::ok);
    CHECK(outcome([](SSL_CTX* context) {
              SSL_CTX_set_security_level(context, 0);
              SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
              SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
          }) == TlsStatus::failed);
    CHECK(outcome([](SSL_CTX* context) {
              SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
              SSL_CTX_set_cipher_list(context, "AES128-SHA");
          }) == TlsStatus::failed);
}

TEST_CASE("what is not TLS fails the handshake", "[base][net][tls]") {
    TlsPair pair;
    Link link;
    TlsStream server = *pair.server->accept(link.server_end.get());
    REQUIRE(::send(link.client_end.get(), "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
    CHECK(server.handshake() == TlsStatus::failed);
    CHECK_FALSE(server.reason().empty());
    CHECK(server.handshake() == TlsStatus::failed);
    CHECK(server.shutdown() != TlsStatus::ok);
}

TEST_CASE("a new certificate is shown to new connections only", "[base][net][tls]") {
    TlsPair pair;
    Link link;
    TlsStream server = *pair.server->accept(link.server_end.get());
    TlsStream client = *pair.client->connect(link.client_end.get(), "localhost");
    REQUIRE(shake_hands(server, client).ok());
    CHECK(common_name_shown(*pair.server) == "first");

    test::write_certificate(pair.directory.path(), "second");
    CHECK(common_name_shown(*pair.server) == "first");
    REQUIRE(pair.server->reload().has_value());
    CHECK(common_name_shown(*pair.server) == "second");
    TlsStatus end{};
    REQUIRE(client.write("still here").bytes == 10);
    CHECK(read_all(server, end) == "still here");
}

TEST_CASE("a bad file leaves the old certificate in force and is named", "[base][net][tls]") {
    TlsPair pair;
    const auto reload_error = [&pair] {
        const auto reloaded = pair.server->reload();
        REQUIRE(reloaded.has_error());
        CHECK(reloaded.error().code == Errc::invalid_argument);
        CHECK(common_name_shown(*pair.server) == "first");
        return reloaded.error().message;
    };
    test::TemporaryDirectory elsewhere;
    const auto stranger = test::write_certificate(elsewhere.path(), "stranger");
    std::filesystem::copy_file(stranger.key_file, pair.certificate.key_file,
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(reload_error() == "cannot use the private key " + pair.certificate.key_file.string() +
                                " for " + pair.certificate.certificate_file.string() +
                                ": key values mismatch");
    std::ofstream(pair.certificate.certificate_file) << "not a certificate\n";
    CHECK(reload_error().find("no start line") != std::string::npos);
    std::filesystem::remove(pair.certificate.certificate_file);
    CHECK(reload_error() == "cannot read the certificate chain " +
                                pair.certificate.certificate_file.string() +
                                ": No such file or directory");
}

TEST_CASE("certificates may be exchanged while connections come in", "[base][net][tls]") {
    TlsPair pair;
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&pair] {
            for (int round = 0; round < 50; ++round) {
                if (round % 10 == 0) (void)pair.server->reload();
                (void)pair.server->accept(0);
            }
        });
    }
    threads.clear();
    CHECK(common_name_shown(*pair.server) == "first");
}
