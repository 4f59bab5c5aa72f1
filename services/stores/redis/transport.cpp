#include "services/stores/redis/transport.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace qck::redis {
namespace {

/// A buffer that a big pipeline has grown is not kept.
constexpr std::size_t output_kept_bytes_max = 1024 * 1024;

Error closed_by_peer() { return error(Errc::unavailable, "it closed the connection"); }
Error failed_with(int errno_value) {
    return error(Errc::unavailable, std::generic_category().message(errno_value));
}

}  // namespace

Result<void> Transport::start(const net::Address& to, const net::TlsClientContext* tls,
                              const std::string& host) {
    close();
    auto fd = net::start_connect(to);
    if (!fd) return fd.error();
    fd_ = std::move(*fd);
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls != nullptr) {
        auto stream = tls->connect(fd_.get(), host);
        if (!stream) return stream.error();
        tls_ = std::move(*stream);
    }
    if (auto watched = reactor_.watch(fd_.get(), EPOLLOUT, *this); !watched) {
        tls_ = {};
        fd_.reset();
        return watched;
    }
    interest_ = EPOLLOUT;
    stage_ = Stage::connecting;
    return {};
}

void Transport::close() {
    ++incarnation_;
    if (stage_ != Stage::closed) reactor_.unwatch(fd_.get(), *this);
    stage_ = Stage::closed;
    tls_ = {};
    fd_.reset();
    congested_ = false;
    output_.clear();
    output_sent_ = 0;
}

void Transport::fail(Error why) {
    close();
    owner_.on_closed(why);
}

void Transport::set_interest(std::uint32_t events) {
    if (interest_ == events) return;
    interest_ = events;
    if (auto changed = reactor_.rewatch(fd_.get(), events, *this); !changed) fail(changed.error());
}

void Transport::on_events(std::uint32_t events) {
    if (stage_ == Stage::connecting) {
        on_connect_finished();
    } else if (stage_ == Stage::handshake) {
        carry_on_handshake();
    } else if (stage_ == Stage::open) {
        const auto incarnation = incarnation_;
        if ((events & EPOLLOUT) != 0) {
            flush();
            if (incarnation == incarnation_ && !congested_) owner_.on_drained();
        }
        if (incarnation != incarnation_) return;
        if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 || tls_) receive();
    }
}

void Transport::on_connect_finished() {
    if (const int failure = net::connect_outcome(fd_.get()); failure != 0) {
        fail(failed_with(failure));
        return;
    }
    stage_ = Stage::handshake;
    carry_on_handshake();
}

void Transport::carry_on_handshake() {
    const auto status = tls_ ? tls_.handshake() : net::TlsStatus::ok;
    if (status == net::TlsStatus::want_read || status == net::TlsStatus::want_write) {
        set_interest(status == net::TlsStatus::want_read ? EPOLLIN : EPOLLOUT);
    } else if (status != net::TlsStatus::ok) {
        fail(error(
            Errc::unavailable,
            "TLS: " + (tls_.reason().empty() ? "it hung up in the handshake" : tls_.reason())));
    } else {
        const auto incarnation = incarnation_;
        stage_ = Stage::open;
        set_interest(EPOLLIN);
        if (incarnation == incarnation_) owner_.on_connected();
        if (incarnation == incarnation_ && tls_) receive();  // what came with the handshake's end
    }
}

void Transport::receive() {
    if (tls_) {
        receive_tls();
        return;
    }
    const auto got = ::recv(fd_.get(), input_.data(), input_.size(), 0);
    if (got > 0) {
        owner_.on_bytes({input_.data(), static_cast<std::size_t>(got)});
    } else if (got == 0) {
        fail(closed_by_peer());
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        fail(failed_with(errno));
    }
}

void Transport::receive_tls() {
    const auto incarnation = incarnation_;
    while (incarnation == incarnation_) {
        const auto got = tls_.read(input_.data(), input_.size());
        if (got.status == net::TlsStatus::ok) {
            owner_.on_bytes({input_.data(), got.bytes});
        } else if (got.status == net::TlsStatus::want_write) {
            set_interest(EPOLLIN | EPOLLOUT);
            return;
        } else if (got.status == net::TlsStatus::want_read) {
            return;
        } else {
            fail(got.status == net::TlsStatus::closed
                     ? closed_by_peer()
                     : error(Errc::unavailable, "TLS: " + tls_.reason()));
        }
    }
}

void Transport::flush() {
    if (stage_ != Stage::open) return;
    while (output_sent_ < output_.size()) {
        const auto rest = std::string_view(output_).substr(output_sent_);
        std::size_t sent = 0;
        bool blocked = false;
        if (tls_) {
            const auto moved = tls_.write(rest);
            sent = moved.bytes;
            blocked = moved.status == net::TlsStatus::want_read ||
                      moved.status == net::TlsStatus::want_write;
            if (moved.status != net::TlsStatus::ok && !blocked) {
                fail(error(Errc::unavailable, "TLS: " + tls_.reason()));
                return;
            }
        } else {
            const auto taken = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
            blocked = taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
            if (taken < 0 && !blocked) {
                fail(failed_with(errno));
                return;
            }
            sent = taken < 0 ? 0 : static_cast<std::size_t>(taken);
        }
        output_sent_ += sent;
        if (blocked) {
            congested_ = true;
            set_interest(EPOLLIN | EPOLLOUT);
            return;
        }
    }
    output_.clear();
    output_sent_ = 0;
    if (output_.capacity() > output_kept_bytes_max) output_.shrink_to_fit();
    congested_ = false;
    set_interest(EPOLLIN);
}

}  // namespace qck::redis
