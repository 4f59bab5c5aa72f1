// TLS peers who try to keep a reactor busy: with half a message of the protocol, with tiny records.
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "tests/services/http_server/tls_server.hpp"
#include "tests/support/raw_client.hpp"

using namespace qck;
using namespace qck::http_server;
using namespace qck::http_server::test;

namespace {

using Bytes = std::basic_string<unsigned char>;

constexpr unsigned char record_handshake = 22;
constexpr unsigned char record_data = 23;

/// A client of TLS 1.3 that writes its records itself once the handshake is done.
class RecordClient {
public:
    explicit RecordClient(const net::Address& to)
        : context_(SSL_CTX_new(TLS_client_method())),
          fd_(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
        SSL_CTX_set_ciphersuites(context_.get(), "TLS_AES_128_GCM_SHA256");
        SSL_CTX_set_keylog_callback(context_.get(), [](const SSL* ssl, const char* line) {
            static_cast<RecordClient*>(SSL_get_app_data(ssl))->take_key(line);
        });
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_app_data(ssl_.get(), this);
        REQUIRE(::connect(fd_.get(), to.data(), to.length) == 0);
        SSL_set_fd(ssl_.get(), fd_.get());
        REQUIRE(SSL_connect(ssl_.get()) == 1);
        REQUIRE(!key_.empty());
    }

    /// A record with this content.
    Bytes record(unsigned char type, std::string_view content) {
        Bytes plain(content.begin(), content.end());
        plain.push_back(type);
        const std::size_t bytes = plain.size() + 16;
        Bytes made{23, 3, 3, static_cast<unsigned char>(bytes >> 8),
                   static_cast<unsigned char>(bytes)};
        Bytes nonce = iv_;
        for (int i = 0; i < 8; ++i)
            nonce[4 + i] ^= static_cast<unsigned char>(sequence_ >> (56 - 8 * i));
        ++sequence_;
        std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> seal(EVP_CIPHER_CTX_new(),
                                                                             EVP_CIPHER_CTX_free);
        int moved = 0;
        Bytes sealed(plain.size(), 0);
        std::array<unsigned char, 16> tag{};
        EVP_EncryptInit_ex(seal.get(), EVP_aes_128_gcm(), nullptr, key_.data(), nonce.data());
        EVP_EncryptUpdate(seal.get(), nullptr, &moved, made.data(), 5);
        EVP_EncryptUpdate(seal.get(), sealed.data(), &moved, plain.data(),
                          static_cast<int>(plain.size()));
        EVP_EncryptFinal_ex(seal.get(), nullptr, &moved);
        EVP_CIPHER_CTX_ctrl(seal.get(), EVP_CTRL_GCM_GET_TAG, 16, tag.data());
        return made + sealed + Bytes(tag.data(), tag.size());
    }
    void send(const Bytes& bytes) {
        REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(bytes.size()));
    }
    std::string receive() {
        char text[4096];
        const int got = SSL_read(ssl_.get(), text, sizeof text);
        return {text, got > 0 ? static_cast<std::size_t>(got) : 0};
    }

private:
    /// `CLIENT_TRAFFIC_SECRET_0 RANDOM SECRET`, in hex.
    void take_key(std::string_view line) {
        if (!line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) return;
        const std::string hex(line.substr(line.rfind(' ') + 1));
        Bytes secret;
        for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
            secret.push_back(static_cast<unsigned char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
        key_ = expand(secret, "key", 16);
        iv_ = expand(secret, "iv", 12);
    }
    /// HKDF-Expand-Label (RFC 8446 section 7.1).
    static Bytes expand(Bytes secret, const std::string& label, std::size_t bytes) {
        const std::string whole = "tls13 " + label;
        Bytes info{0, static_cast<unsigned char>(bytes), static_cast<unsigned char>(whole.size())};
        info.append(whole.begin(), whole.end());
        info.push_back(0);
        std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
            EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
        std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
            EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
        int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
        char digest[] = "SHA256";
        const std::array<OSSL_PARAM, 5> parameters{
            OSSL_PARAM_construct_int("mode", &mode),
            OSSL_PARAM_construct_utf8_string("digest", digest, 0),
            OSSL_PARAM_construct_octet_string("key", secret.data(), secret.size()),
            OSSL_PARAM_construct_octet_string("info", info.data(), info.size()),
            OSSL_PARAM_construct_end()};
        Bytes derived(bytes, 0);
        REQUIRE(EVP_KDF_derive(context.get(), derived.data(), bytes, parameters.data()) == 1);
        return derived;
    }

    net::SslContext context_;
    net::Fd fd_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
    Bytes key_;
    Bytes iv_;
    std::uint64_t sequence_ = 0;
};

}  // namespace

TEST_CASE("a TLS peer that leaves half a key update costs no time",
          "[services][http_server][tls]") {
    ServerConfig config;
    config.head_timeout = 200ms;
    config.write_timeout = 60s;
    TlsServer tls(config);
    RecordClient client(tls.server.address());
    client.send(client.record(record_data, "GET /x HTTP/1.1\r\n"));
    client.send(client.record(record_handshake, std::string("\x18\0\0\1", 4)));
    REQUIRE(eventually([&] { return tls.server.counters().timeouts.value() == 1; }));
    const double begin = cpu_seconds();
    ::poll(nullptr, 0, 500);
    CHECK(cpu_seconds() - begin < 0.25);
    // Nor is its connection kept for as long as an answer may take.
    CHECK(eventually([&] { return tls.server.counters().connections_open.value() == 0; }));
}

TEST_CASE("a body in tiny records leaves others their turn", "[services][http_server][tls]") {
    TlsServer tls;
    RecordClient client(tls.server.address());
    std::promise<void> all_sent;
    std::promise<std::uint64_t> answered_before;
    tls.server.post([&, sent = all_sent.get_future().share()](Server& on) {
        sent.wait_for(10s);
        // Work that came before the events of the next batch are done with.
        tls.server.post(
            [&](Server&) { answered_before.set_value(on.counters().requests.value()); });
    });
    Bytes records =
        client.record(record_data, "POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n");
    for (int byte = 0; byte < 2000; ++byte) records += client.record(record_data, "b");
    client.send(records);
    all_sent.set_value();
    CHECK(answered_before.get_future().get() == 0);
    CHECK(body_of(client.receive()) == "POST /y " + std::string(2000, 'b'));
}
