#include "cli/commands/target_reach.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/clock.hpp"
#include "base/net/address.hpp"

namespace qck::commands {
namespace {

constexpr int connect_timeout_ms = 3'000;
constexpr std::int64_t handshake_timeout_ns = 3'000'000'000;

std::string lowered(std::string text) {
    if (!text.empty()) {
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    }
    return text;
}

/// A connection, or in `failure` why there is none.
net::Fd connected(const net::Address& address, int& failure) {
    net::Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    failure = 0;
    if (!socket) {
        failure = errno;
    } else if (::connect(socket.get(), address.data(), address.length) != 0) {
        pollfd ready{socket.get(), POLLOUT, 0};
        if (errno != EINPROGRESS) {
            failure = errno;
        } else if (::poll(&ready, 1, connect_timeout_ms) == 0) {
            failure = ETIMEDOUT;
        } else {
            failure = net::connect_outcome(socket.get());
        }
    }
    return failure == 0 ? std::move(socket) : net::Fd();
}

/// What went wrong between the two; empty when nothing did.
std::string handshake_fault(net::TlsStream& stream, int fd) {
    const std::int64_t until = monotonic_ns() + handshake_timeout_ns;
    for (;;) {
        const net::TlsStatus status = stream.handshake();
        if (status == net::TlsStatus::ok) return {};
        if (status == net::TlsStatus::closed) return "it closed the connection";
        if (status == net::TlsStatus::failed) return lowered(stream.reason());
        const std::int64_t left_ms = (until - monotonic_ns()) / 1'000'000;
        const bool reads = status == net::TlsStatus::want_read;
        pollfd ready{fd, static_cast<short>(reads ? POLLIN : POLLOUT), 0};
        if (left_ms <= 0 || ::poll(&ready, 1, static_cast<int>(left_ms)) == 0) {
            return "no answer to the TLS handshake within 3 s";
        }
    }
}

Error mistrusted(const engine::Target& target, const std::string& why) {
    const bool certificate =
        why.find("certificate") != std::string::npos || why.find("mismatch") != std::string::npos;
    // What answers in the clear is taken for a TLS record of another version.
    const bool plain = why.find("wrong version number") != std::string::npos ||
                       why.find("packet length too long") != std::string::npos ||
                       why.starts_with("no answer");
    std::string hint;
    if (certificate) hint = " (trust its authority by --ca FILE, or any by --insecure)";
    if (plain) hint = " (does it speak plain HTTP? Then it is http://" + target.host_header() + ")";
    return error(Errc::unavailable, "cannot speak TLS with " + target.origin() + ": " + why + hint);
}

}  // namespace

Result<void> check_reachable(const engine::Target& target, const std::string& hint) {
    int failure = 0;
    for (const net::Address& address : target.addresses) {
        if (connected(address, failure)) return {};
    }
    return error(Errc::unavailable, "cannot reach " + target.origin() + ": " +
                                        lowered(std::strerror(failure)) +
                                        (hint.empty() ? "" : " (" + hint + ")"));
}

Result<void> check_reachable(const engine::Target& target, const net::TlsClientConfig& tls,
                             const std::string& hint) {
    if (auto reached = check_reachable(target, hint); !reached || !target.tls) return reached;
    const auto context = net::TlsClientContext::create(tls);
    if (!context) return context.error();
    int failure = 0;
    std::string why;
    for (const net::Address& address : target.addresses) {
        const net::Fd socket = connected(address, failure);
        if (!socket) continue;
        auto stream = (*context)->connect(socket.get(), target.host);
        if (!stream) return stream.error();
        why = handshake_fault(*stream, socket.get());
        if (why.empty()) return {};
    }
    return mistrusted(target, why);
}

}  // namespace qck::commands
