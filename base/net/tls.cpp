#include "base/net/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

namespace qck::net {
namespace {

/// The wire form of the only protocol spoken here (RFC 7301).
constexpr std::array<unsigned char, 9> alpn_http_1_1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
/// TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
constexpr const char* tls_1_2_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// The first, so the deepest, error in OpenSSL's queue of this thread, which is emptied.
std::string openssl_reason() {
    const unsigned long code = ERR_peek_error();
    ERR_clear_error();
    if (code == 0) return "unknown error";
    if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
    const char* const reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "error " + std::to_string(code);
}

int clamp_bytes(std::size_t bytes) {
    return bytes < std::numeric_limits<int>::max() ? static_cast<int>(bytes)
                                                   : std::numeric_limits<int>::max();
}

// A socket BIO of our own, because OpenSSL's writes with write(2): a closed peer would raise
// SIGPIPE.

int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool may_retry(int errno_value) {
    return errno_value == EAGAIN || errno_value == EWOULDBLOCK || errno_value == EINTR;
}

int send_bytes(BIO* bio, const char* from, int bytes) {
    BIO_clear_retry_flags(bio);
    const auto sent = ::send(fd_of(bio), from, static_cast<std::size_t>(bytes), MSG_NOSIGNAL);
    if (sent < 0 && may_retry(errno)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

int receive_bytes(BIO* bio, char* into, int bytes) {
    BIO_clear_retry_flags(bio);
    const auto received = ::recv(fd_of(bio), into, static_cast<std::size_t>(bytes), 0);
    if (received < 0 && may_retry(errno)) BIO_set_retry_read(bio);
    if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(received);
}

long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// Null when there is no memory. Lives as long as the process.
const BIO_METHOD* socket_method() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* const made =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
        if (made != nullptr) {
            BIO_meth_set_write(made, send_bytes);
            BIO_meth_set_read(made, receive_bytes);
            BIO_meth_set_ctrl(made, control);
        }
        return made;
    }();
    return method;
}

/// An SSL over `fd`; null when there is no memory.
SSL* make_ssl(SSL_CTX* context, int fd) {
    SSL* const ssl = SSL_new(context);
    BIO* const bio =
        ssl != nullptr && socket_method() != nullptr ? BIO_new(socket_method()) : nullptr;
    if (bio == nullptr) {
        SSL_free(ssl);
        return nullptr;
    }
    // The pointer is never followed: it carries the number.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return ssl;
}

Error no_memory() { return error(Errc::unavailable, "cannot start TLS: " + openssl_reason()); }

/// What clients and servers have in common.
Result<SslContext> make_context(const SSL_METHOD* method) {
    SslContext context(SSL_CTX_new(method));
    if (!context) return no_memory();
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context.get(), tls_1_2_ciphers);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    return context;
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_bytes,
                    const unsigned char* offered, unsigned offered_bytes, void*) {
    // SSL_select_next_proto hands its result out without const.
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, chosen_bytes, alpn_http_1_1.data(), alpn_http_1_1.size(),
                              offered, offered_bytes) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/// A passphrase cannot be asked for by a server: say that there is none.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<SslContext> make_server_context(const TlsServerConfig& config) {
    auto made = make_context(TLS_server_method());
    if (!made) return made;
    SSL_CTX* const context = made->get();
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    // Sessions are resumed by tickets, which cost no memory here; one a handshake is enough.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, config.certificate_file.c_str()) != 1) {
        return error(Errc::invalid_argument, "cannot read the certificate chain " +
                                                 config.certificate_file + ": " + openssl_reason());
    }
    if (SSL_CTX_use_PrivateKey_file(context, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return error(Errc::invalid_argument, "cannot use the private key " + config.key_file +
                                                 " for " + config.certificate_file + ": " +
                                                 openssl_reason());
    }
    return made;
}

bool is_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> parsed;
    return ::inet_pton(AF_INET, host.c_str(), parsed.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), parsed.data()) == 1;
}

bool was_refused(SSL* ssl) {
    return SSL_get_verify_result(ssl) != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
}

/// Why the peer's certificate was refused, or why the handshake failed.
std::string failure_reason(SSL* ssl) {
    std::string reason = openssl_reason();
    if (was_refused(ssl)) {
        reason += std::string(": ") + X509_verify_cert_error_string(SSL_get_verify_result(ssl));
    }
    return reason;
}

}  // namespace

TlsStatus TlsStream::fail(std::string reason) {
    reason_ = std::move(reason);
    broken_ = true;
    return TlsStatus::failed;
}

TlsStatus TlsStream::outcome_of(int returned, int errno_value) {
    switch (SSL_get_error(ssl_.get(), returned)) {
        case SSL_ERROR_NONE:
            return TlsStatus::ok;
        case SSL_ERROR_WANT_READ:
            return TlsStatus::want_read;
        case SSL_ERROR_WANT_WRITE:
            return TlsStatus::want_write;
        case SSL_ERROR_ZERO_RETURN:
            return TlsStatus::closed;
        case SSL_ERROR_SYSCALL:
            ERR_clear_error();
            return fail(errno_value != 0 ? std::strerror(errno_value)
                                         : "the peer cut the connection");
        default:
            mistrusted_ = was_refused(ssl_.get());
            return fail(failure_reason(ssl_.get()));
    }
}

template <class Operation>
TlsStatus TlsStream::run(Operation operation) {
    if (broken_) return TlsStatus::failed;
    // SSL_get_error judges by the thread's error queue and errno, which must not hold what others
    // left.
    ERR_clear_error();
    errno = 0;
    const int returned = operation(ssl_.get());
    const int errno_value = errno;
    return returned > 0 ? TlsStatus::ok : outcome_of(returned, errno_value);
}

TlsStatus TlsStream::handshake() {
    return run([](SSL* ssl) { return SSL_do_handshake(ssl); });
}

TlsTransfer TlsStream::read(char* into, std::size_t bytes_max) {
    int moved = 0;
    const TlsStatus status =
        run([&](SSL* ssl) { return moved = SSL_read(ssl, into, clamp_bytes(bytes_max)); });
    return {status, status == TlsStatus::ok ? static_cast<std::size_t>(moved) : 0};
}

TlsTransfer TlsStream::write(std::string_view bytes) {
    int moved = 0;
    const TlsStatus status = run(
        [&](SSL* ssl) { return moved = SSL_write(ssl, bytes.data(), clamp_bytes(bytes.size())); });
    return {status, status == TlsStatus::ok ? static_cast<std::size_t>(moved) : 0};
}

TlsStatus TlsStream::shutdown() {
    // Before the handshake has ended there is nothing to say goodbye to, and OpenSSL takes it for
    // an error.
    if (SSL_is_init_finished(ssl_.get()) != 1) return TlsStatus::closed;
    return run([](SSL* ssl) {
        const int returned = SSL_shutdown(ssl);
        return returned == 0
                   ? 1
                   : returned;  // 0: said, but not yet heard, which is all that is wanted here
    });
}

bool TlsStream::has_pending() const { return SSL_has_pending(ssl_.get()) == 1; }

std::string_view TlsStream::version() const {
    return SSL_is_init_finished(ssl_.get()) == 1 ? SSL_get_version(ssl_.get()) : "";
}

std::string_view TlsStream::application_protocol() const {
    const unsigned char* name = nullptr;
    unsigned bytes = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &bytes);
    return {reinterpret_cast<const char*>(name), bytes};
}

Result<std::unique_ptr<TlsServerContext>> TlsServerContext::load(TlsServerConfig config) {
    auto context = make_server_context(config);
    if (!context) return context.error();
    return std::unique_ptr<TlsServerContext>(
        new TlsServerContext(std::move(config), std::move(*context)));
}

Result<void> TlsServerContext::reload() {
    auto context = make_server_context(config_);
    if (!context) return context.error();
    const std::lock_guard lock(context_mutex_);
    context_ = std::move(*context);  // streams that exist hold a reference to the old one
    return {};
}

Result<TlsStream> TlsServerContext::accept(int fd) const {
    const std::lock_guard lock(context_mutex_);
    TlsStream stream(make_ssl(context_.get(), fd));
    if (!stream) return no_memory();
    SSL_set_accept_state(stream.ssl_.get());
    return stream;
}

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::create(const TlsClientConfig& config) {
    auto made = make_context(TLS_client_method());
    if (!made) return made.error();
    SSL_CTX* const context = made->get();
    // Unlike its neighbours this returns 0 for success.
    if (SSL_CTX_set_alpn_protos(context, alpn_http_1_1.data(), alpn_http_1_1.size()) != 0)
        return no_memory();
    if (config.verify) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
        ERR_clear_error();
        const int loaded = config.ca_file.empty()
                               ? SSL_CTX_set_default_verify_paths(context)
                               : SSL_CTX_load_verify_file(context, config.ca_file.c_str());
        if (loaded != 1) {
            return error(Errc::invalid_argument, "cannot read the certificate authorities " +
                                                     config.ca_file + ": " + openssl_reason());
        }
    }
    return std::unique_ptr<TlsClientContext>(new TlsClientContext(std::move(*made)));
}

Result<TlsStream> TlsClientContext::connect(int fd, const std::string& host) const {
    TlsStream stream(make_ssl(context_.get(), fd));
    if (!stream) return no_memory();
    SSL* const ssl = stream.ssl_.get();
    ERR_clear_error();
    // Names go to SNI, too, addresses may not (RFC 6066 section 3).
    const bool named = is_address(host)
                           ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1
                           : SSL_set1_host(ssl, host.c_str()) == 1 &&
                                 SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
    if (!named)
        return error(Errc::invalid_argument,
                     "'" + host + "' is not a name that TLS can verify: " + openssl_reason());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set_connect_state(ssl);
    return stream;
}

}  // namespace qck::net
