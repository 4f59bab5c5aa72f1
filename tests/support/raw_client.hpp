#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/net/address.hpp"

namespace qck::test {

/// A blocking TCP client that says exactly what it is told to, for tests of servers. Every wait
/// ends: at the latest after ten seconds.
class RawClient {
public:
    explicit RawClient(const net::Address& to) {
        fd_ = net::Fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        connected_ = ::connect(fd_.get(), to.data(), to.length) == 0;
    }

    bool connected() const { return connected_; }
    int fd() const { return fd_.get(); }

    /// False when the peer has gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    void end_sending() { ::shutdown(fd_.get(), SHUT_WR); }

    /// One response: its head, and the body that its Content-Length tells. What came of it when the
    /// peer closed or nothing more came.
    std::string response(bool head_only = false) {
        std::size_t end = std::string::npos;
        while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
            if (!receive()) return take(pending_.size());
        }
        std::size_t whole = end + 4;
        if (!head_only) whole += content_length(pending_.substr(0, end));
        while (pending_.size() < whole) {
            if (!receive()) return take(pending_.size());
        }
        return take(whole);
    }

    /// Everything until the peer closes.
    std::string until_closed() {
        while (receive()) {
        }
        return take(pending_.size());
    }
    /// Whether the peer has closed or reset, rather than fallen silent.
    bool closed() const { return closed_; }

private:
    static constexpr int wait_ms = 10'000;

    static std::size_t content_length(const std::string& head) {
        const auto at = head.find("Content-Length: ");
        return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    }
    std::string take(std::size_t count) {
        std::string taken = pending_.substr(0, count);
        pending_.erase(0, count);
        return taken;
    }
    bool receive() {
        pollfd waiting{fd_.get(), POLLIN, 0};
        if (::poll(&waiting, 1, wait_ms) != 1) return false;
        char buffer[16 * 1024];
        const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (got <= 0) {
            closed_ = true;
            return false;
        }
        pending_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }

    net::Fd fd_;
    bool connected_ = false;
    bool closed_ = false;
    std::string pending_;
};

}  // namespace qck::test
