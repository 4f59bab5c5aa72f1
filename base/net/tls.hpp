#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace qck::net {

enum class TlsStatus : std::uint8_t {
    ok,
    want_read,   ///< call again when the descriptor is readable
    want_write,  ///< call again when it is writable
    closed,      ///< the peer has ended its side properly (close_notify)
    failed,      ///< reason() says why; the connection is of no more use
};

struct TlsTransfer {
    TlsStatus status = TlsStatus::failed;
    std::size_t bytes = 0;  ///< moved; above 0 exactly when status is ok
};

/// One TLS connection over a non-blocking socket that the caller owns and keeps open longer than
/// the stream.
///
/// Never blocks and raises no SIGPIPE. An operation may want the other direction than its own (a
/// key update, a ticket): follow what it returns. Not thread-safe; one user at a time, on any
/// thread.
class TlsStream {
public:
    TlsStream() = default;

    /// True between creation by a context and the move away of the stream.
    explicit operator bool() const { return ssl_ != nullptr; }

    /// Until it returns ok, or fails. read() and write() before that carry it on by themselves.
    TlsStatus handshake();
    /// At most `bytes_max` (above 0) decrypted bytes. A connection cut without close_notify is
    /// failed, not closed.
    TlsTransfer read(char* into, std::size_t bytes_max);
    /// `bytes` is not empty, and may be taken in part. After want_* go on with the same bytes,
    /// wherever they have moved, or more.
    TlsTransfer write(std::string_view bytes);
    /// Says close_notify, once, without waiting for the peer's.
    TlsStatus shutdown();

    /// Decrypted bytes wait inside: read before waiting for the descriptor, which will not become
    /// ready for them.
    bool has_pending() const;
    /// `TLSv1.3`; empty before the handshake.
    std::string_view version() const;
    /// `http/1.1`, or empty when none was negotiated.
    std::string_view application_protocol() const;
    /// Why the last operation failed, one line.
    const std::string& reason() const { return reason_; }
    /// It failed because the peer's certificate is not trusted, which another try will not mend.
    bool is_mistrusted() const { return mistrusted_; }

private:
    friend class TlsServerContext;
    friend class TlsClientContext;
    struct SslDeleter {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    explicit TlsStream(SSL* ssl) : ssl_(ssl) {}
    template <class Operation>
    TlsStatus run(Operation operation);
    TlsStatus outcome_of(int returned, int errno_value);
    TlsStatus fail(std::string reason);

    std::unique_ptr<SSL, SslDeleter> ssl_;
    bool broken_ = false;  ///< OpenSSL forbids further calls after a fatal error
    bool mistrusted_ = false;
    std::string reason_;
};

struct SslContextDeleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;

struct TlsServerConfig {
    /// PEM: the server's certificate first, then the intermediate ones.
    std::string certificate_file;
    /// PEM, without a passphrase.
    std::string key_file;
};

/// Makes server streams from a certificate that can be changed while running. TLS 1.2 and newer,
/// forward secrecy only, ALPN `http/1.1` (a client that offers only others is refused, RFC 7301
/// section 3.2). Thread-safe.
class TlsServerContext {
public:
    /// Errors name the file and what is wrong with it.
    static Result<std::unique_ptr<TlsServerContext>> load(TlsServerConfig config);

    /// Reads the files again. New streams use the new certificate, those that exist keep theirs.
    /// When it fails nothing has changed.
    Result<void> reload();

    /// `fd` is non-blocking and stays the caller's.
    Result<TlsStream> accept(int fd) const;

private:
    TlsServerContext(TlsServerConfig config, SslContext context)
        : config_(std::move(config)), context_(std::move(context)) {}

    const TlsServerConfig config_;
    mutable std::mutex context_mutex_;
    SslContext context_;
};

struct TlsClientConfig {
    /// PEM of the authorities to trust instead of the system's; empty: the system's.
    std::string ca_file;
    /// False takes any certificate: for tests of loopback services only.
    bool verify = true;
};

/// Makes client streams. Verifies the chain and the name. Thread-safe.
class TlsClientContext {
public:
    static Result<std::unique_ptr<TlsClientContext>> create(const TlsClientConfig& config);

    /// `host` is the name or address to verify, and to say in SNI when it is a name. `fd` is
    /// non-blocking, connected or connecting, and stays the caller's.
    Result<TlsStream> connect(int fd, const std::string& host) const;

private:
    explicit TlsClientContext(SslContext context) : context_(std::move(context)) {}

    SslContext context_;
};

}  // namespace qck::net
