#pragma once

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/net/fd.hpp"
#include "base/net/tls.hpp"

namespace qck::test {

/// What a TestTarget does about one request.
struct Reaction {
    enum class Then : std::uint8_t {
        keep,        ///< the connection stays open
        close,       ///< closed in order
        reset,       ///< closed by RST
        half_close,  ///< no more is sent, but reading goes on
        go_silent,   ///< nothing more is read or said on this connection
    };
    std::string bytes;
    Then then = Then::keep;
};

inline std::string redirect_response(std::string_view extra = "") {
    return "HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n" +
           std::string(extra) + "\r\n";
}

/// To every request, whose connection stays open.
inline Reaction redirect(std::string_view /*head*/) { return {redirect_response()}; }

/// A real HTTP server on loopback, on a thread of its own, that behaves as badly as it is told.
///
/// Requests have no bodies. `react` is called on the server's thread with the request's head.
class TestTarget {
public:
    using React = std::function<Reaction(std::string_view head)>;

    explicit TestTarget(React react, const net::TlsServerContext* tls = nullptr)
        : react_(std::move(react)), tls_(tls) {
        listener_ = net::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_.get(), any, length) != 0 || ::listen(listener_.get(), 1024) != 0 ||
            ::getsockname(listener_.get(), any, &length) != 0) {
            throw std::runtime_error("cannot listen");
        }
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~TestTarget() {
        stopping_.store(true);
        thread_.join();
    }
    TestTarget(const TestTarget&) = delete;
    TestTarget& operator=(const TestTarget&) = delete;

    std::uint16_t port() const { return port_; }
    std::string url(const std::string& path = "/viral") const {
        return (tls_ != nullptr ? "https://127.0.0.1:" : "http://127.0.0.1:") +
               std::to_string(port_) + path;
    }
    /// While it pauses the target neither accepts nor reads; the kernel goes on for it.
    void pause(bool paused) { paused_.store(paused); }
    /// From connections that it accepts from now on, the kernel drops this share of the segments
    /// before the target's socket has them, by chance (a socket filter, whose drops TCP takes for
    /// lost packets): what a bad network does, and needs no privilege.
    void lose(double share) { lost_share_.store(share); }
    /// Requests that it has read whole.
    std::uint64_t requests() const { return requests_.load(); }
    std::uint64_t accepted() const { return accepted_.load(); }
    /// The addresses that connections came from, and how many from each.
    std::map<std::string, int> came_from() const {
        const std::lock_guard lock(came_from_mutex_);
        return came_from_;
    }

private:
    struct Peer {
        net::Fd socket;
        std::optional<net::TlsStream> tls;
        std::string in;
        std::string out;
        bool silent = false;
        bool close_when_sent = false;
    };

    void serve() {
        while (!stopping_.load()) {
            if (paused_.load()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                continue;
            }
            std::vector<pollfd> watched{{listener_.get(), POLLIN, 0}};
            for (const auto& peer : peers_) {
                const short events = peer->silent ? 0 : POLLIN;
                const short out = peer->out.empty() ? 0 : POLLOUT;
                watched.push_back({peer->socket.get(), static_cast<short>(events | out), 0});
            }
            ::poll(watched.data(), watched.size(), 5);
            for (std::size_t at = peers_.size(); at-- > 0;) {
                if (watched[at + 1].revents != 0 && !handle(*peers_[at])) {
                    peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(at));
                }
            }
            if (watched[0].revents != 0) accept_all();
        }
    }

    void accept_all() {
        for (;;) {
            sockaddr_in from{};
            socklen_t length = sizeof from;
            net::Fd socket(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &length,
                                     SOCK_NONBLOCK));
            if (!socket) return;
            {
                char text[INET_ADDRSTRLEN] = "";
                ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
                const std::lock_guard lock(came_from_mutex_);
                ++came_from_[text];
            }
            const int on = 1;
            ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            accepted_.fetch_add(1);
            if (const double share = lost_share_.load(); share > 0) lose_from(socket.get(), share);
            auto peer = std::make_unique<Peer>();
            if (tls_ != nullptr) {
                auto stream = tls_->accept(socket.get());
                if (!stream) continue;
                peer->tls.emplace(std::move(*stream));
            }
            peer->socket = std::move(socket);
            peers_.push_back(std::move(peer));
        }
    }

    /// Keeps a segment when a number of 32 random bits is not below that share of them all.
    static void lose_from(int socket, double share) {
        const auto below = static_cast<__u32>(share * 0x1p32);
        sock_filter steps[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<__u32>(SKF_AD_OFF + SKF_AD_RANDOM)),
            BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, below, 1, 0), BPF_STMT(BPF_RET | BPF_K, 0),
            BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
        const sock_fprog filter{sizeof steps / sizeof *steps, steps};
        if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
            throw std::runtime_error("cannot drop segments: no socket filters here");
        }
    }

    /// False when the peer is to be forgotten.
    bool handle(Peer& peer) {
        char bytes[16384];
        for (;;) {
            if (peer.silent) break;
            ssize_t got = 0;
            if (peer.tls) {
                const auto transfer = peer.tls->read(bytes, sizeof bytes);
                if (transfer.status == net::TlsStatus::want_read) break;
                if (transfer.status != net::TlsStatus::ok) return false;
                got = static_cast<ssize_t>(transfer.bytes);
            } else {
                got = ::recv(peer.socket.get(), bytes, sizeof bytes, 0);
                if (got < 0 && errno == EAGAIN) break;
                if (got <= 0) return false;
            }
            peer.in.append(bytes, static_cast<std::size_t>(got));
            if (!answer_all(peer)) return false;
        }
        return send_out(peer);
    }

    bool answer_all(Peer& peer) {
        while (!peer.silent && !peer.close_when_sent) {
            const auto end = peer.in.find("\r\n\r\n");
            if (end == std::string::npos) return true;
            const std::string head = peer.in.substr(0, end + 4);
            peer.in.erase(0, end + 4);
            requests_.fetch_add(1);
            const Reaction reaction = react_(head);
            peer.out += reaction.bytes;
            switch (reaction.then) {
                case Reaction::Then::keep:
                    break;
                case Reaction::Then::close:
                    peer.close_when_sent = true;
                    break;
                case Reaction::Then::go_silent:
                    peer.silent = true;
                    break;
                case Reaction::Then::half_close:
                    send_out(peer);
                    ::shutdown(peer.socket.get(), SHUT_WR);
                    peer.silent = true;
                    break;
                case Reaction::Then::reset: {
                    send_out(peer);
                    const linger at_once{1, 0};
                    ::setsockopt(peer.socket.get(), SOL_SOCKET, SO_LINGER, &at_once,
                                 sizeof at_once);
                    return false;
                }
            }
        }
        return true;
    }

    bool send_out(Peer& peer) {
        while (!peer.out.empty()) {
            if (peer.tls) {
                const auto transfer = peer.tls->write(peer.out);
                if (transfer.status == net::TlsStatus::want_read ||
                    transfer.status == net::TlsStatus::want_write) {
                    return true;
                }
                if (transfer.status != net::TlsStatus::ok) return false;
                peer.out.erase(0, transfer.bytes);
                continue;
            }
            const ssize_t put =
                ::send(peer.socket.get(), peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
            if (put < 0) return errno == EAGAIN;
            peer.out.erase(0, static_cast<std::size_t>(put));
        }
        return !peer.close_when_sent;
    }

    React react_;
    const net::TlsServerContext* tls_;
    net::Fd listener_;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> paused_{false};
    std::atomic<double> lost_share_{0};
    std::atomic<std::uint64_t> requests_{0};
    std::atomic<std::uint64_t> accepted_{0};
    mutable std::mutex came_from_mutex_;
    std::map<std::string, int> came_from_;  ///< guarded by came_from_mutex_
    std::vector<std::unique_ptr<Peer>> peers_;
    std::thread thread_;
};

/// The same to every request.
inline TestTarget::React always(std::string bytes, Reaction::Then then = Reaction::Then::keep) {
    return [bytes = std::move(bytes), then](std::string_view) { return Reaction{bytes, then}; };
}

}  // namespace qck::test
