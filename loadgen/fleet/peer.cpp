#include "loadgen/fleet/peer.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace qck::fleet {
namespace {

/// More than this waits for nobody: who does not take it is not there.
constexpr std::size_t out_bytes_max = 4 * frame_bytes_max;
/// At most this much is taken at a time, so that one peer does not keep the others waiting.
constexpr std::size_t in_bytes_max = 4 * 1024 * 1024;

Error ended(const std::string& how) { return error(Errc::unavailable, "the connection " + how); }

}  // namespace

Error Peer::tls_failed() const {
    if (!tls_->is_mistrusted()) return ended("broke: TLS: " + tls_->reason());
    return error(Errc::permission, "its certificate is not trusted: " + tls_->reason() +
                                       " (--tls-ca of qck agent and --agents-ca of qck bench name "
                                       "who signed it)");
}

short Peer::poll_events() const {
    return static_cast<short>(POLLIN | (out_.empty() && !wants_write_ ? 0 : POLLOUT));
}

void Peer::send(const Message& message) {
    if (broken_) return;
    out_ += framed(encode(message));
    if (out_.size() > out_bytes_max) broken_ = ended("does not take what is sent");
    flush();
}

Result<std::size_t> Peer::write_some() {
    if (tls_) {
        const net::TlsTransfer transfer = tls_->write(out_);
        switch (transfer.status) {
            case net::TlsStatus::ok:
                return transfer.bytes;
            case net::TlsStatus::want_read:
            case net::TlsStatus::want_write:
                return std::size_t{0};
            case net::TlsStatus::closed:
            case net::TlsStatus::failed:
                break;
        }
        return tls_failed();
    }
    const ssize_t put = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) return std::size_t{0};
    if (errno == EPIPE) return ended("was closed");
    return ended(std::string("broke: ") + std::strerror(errno));
}

void Peer::flush() {
    while (!out_.empty() && !broken_) {
        const auto put = write_some();
        if (!put) broken_ = put.error();
        if (!put || *put == 0) return;
        out_.erase(0, *put);
    }
}

Result<std::size_t> Peer::read_some(char* into, std::size_t bytes_max) {
    if (tls_) {
        const net::TlsTransfer transfer = tls_->read(into, bytes_max);
        wants_write_ = transfer.status == net::TlsStatus::want_write;
        switch (transfer.status) {
            case net::TlsStatus::ok:
                return transfer.bytes;
            case net::TlsStatus::want_read:
            case net::TlsStatus::want_write:
                return std::size_t{0};
            case net::TlsStatus::closed:
                return ended("was closed");
            case net::TlsStatus::failed:
                break;
        }
        return tls_failed();
    }
    const ssize_t got = ::recv(socket_.get(), into, bytes_max, 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return ended("was closed");
    if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) return std::size_t{0};
    return ended(std::string("broke: ") + std::strerror(errno));
}

Result<void> Peer::receive(std::vector<Message>& into) {
    flush();
    std::array<char, 65536> bytes;
    Result<std::size_t> got = std::size_t{0};
    for (std::size_t all = 0; all < in_bytes_max; all += *got) {
        got = read_some(bytes.data(), bytes.size());
        if (!got || *got == 0) break;
        reader_.feed({bytes.data(), *got});
    }
    for (;;) {
        auto payload = reader_.next();
        if (!payload) return payload.error();
        if (!*payload) break;
        auto message = decode(**payload);
        if (!message) return message.error();
        into.push_back(std::move(*message));
    }
    // Whoever asks first is told why; after that it was only closed.
    if (broken_) return *broken_;
    if (!got) return got.error();
    return {};
}

}  // namespace qck::fleet
