#include "loadgen/engine/connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace qck::engine {

using record::Cause;

record::Cause cause_of_errno(int errno_value) {
    switch (errno_value) {
        case ECONNREFUSED:
            return Cause::refused;
        case ETIMEDOUT:
            return Cause::connect_timeout;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case EHOSTDOWN:
            return Cause::unreachable;
        case EADDRNOTAVAIL:
        case EADDRINUSE:
        case EAGAIN:
            return Cause::no_ports;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return Cause::no_descriptors;
        case ECONNRESET:
        case EPIPE:
        case ECONNABORTED:
            return Cause::reset;
        default:
            return Cause::other;
    }
}

std::optional<Cause> Connection::start_connect(const net::Address& to, const net::Address* from) {
    const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return cause_of_errno(errno);
    socket = net::Fd(fd);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from != nullptr) {
        // The port is chosen at connect, where one that is used towards another address will do.
        ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (::bind(fd, from->data(), from->length) != 0) {
            const Cause cause = cause_of_errno(errno);
            socket.reset();
            return cause;
        }
    }
    if (::connect(fd, to.data(), to.length) != 0 && errno != EINPROGRESS) {
        const Cause cause = cause_of_errno(errno);
        socket.reset();
        return cause;
    }
    state = State::connecting;
    return std::nullopt;
}

std::optional<Cause> Connection::connect_outcome() const {
    int failure = 0;
    socklen_t length = sizeof failure;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failure, &length) != 0) failure = errno;
    if (failure != 0) return cause_of_errno(failure);
    return std::nullopt;
}

namespace {

Connection::Transfer of_tls(const net::TlsTransfer& transfer) {
    using Kind = Connection::Transfer::Kind;
    switch (transfer.status) {
        case net::TlsStatus::ok:
            return {Kind::moved, transfer.bytes};
        case net::TlsStatus::want_read:
        case net::TlsStatus::want_write:
            return {Kind::blocked};
        case net::TlsStatus::closed:
            return {Kind::ended};
        case net::TlsStatus::failed:
            break;
    }
    return {Kind::broken, 0, Cause::tls};
}

Connection::Transfer of_errno() {
    using Kind = Connection::Transfer::Kind;
    if (errno == EAGAIN || errno == EINTR) return {Kind::blocked};
    return {Kind::broken, 0, cause_of_errno(errno)};
}

}  // namespace

Connection::Transfer Connection::receive(char* into, std::size_t bytes_max) {
    if (tls) return of_tls(tls->read(into, bytes_max));
    const ssize_t got = ::recv(socket.get(), into, bytes_max, 0);
    if (got > 0) return {Transfer::Kind::moved, static_cast<std::size_t>(got)};
    return got == 0 ? Transfer{Transfer::Kind::ended} : of_errno();
}

Connection::Transfer Connection::send(std::string_view bytes) {
    if (tls) return of_tls(tls->write(bytes));
    const ssize_t put = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put >= 0) return {Transfer::Kind::moved, static_cast<std::size_t>(put)};
    return of_errno();
}

void Connection::close() {
    tls.reset();
    socket.reset();
    state = State::closed;
    unsent_bytes.clear();
    retire = false;
    proven = false;
    reader.restart();
    first_ = 0;
    count_ = 0;
}

}  // namespace qck::engine
