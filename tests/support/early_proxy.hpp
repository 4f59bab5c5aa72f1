#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace qck::test {

/// An HTTP proxy on the loopback that loses patience: while told to, it answers an insert with 504
/// though it has begun to hand it on, and hands on the rest later. All else it passes through.
class EarlyProxy {
public:
    explicit EarlyProxy(std::uint16_t server_port)
        : server_port_(server_port), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at = loopback(0);
        ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at);
        ::listen(listener_, 16);
        socklen_t length = sizeof at;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &length);
        port_ = ntohs(at.sin_port);
        accepting_ = std::thread([this] { accept_all(); });
    }
    ~EarlyProxy() {
        stopping_ = true;
        accepting_.join();
        for (std::thread& each : passing_) each.join();
        ::close(listener_);
    }
    EarlyProxy(const EarlyProxy&) = delete;
    EarlyProxy& operator=(const EarlyProxy&) = delete;

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    void lose_patience() { impatient_ = true; }
    /// The server gets the rest.
    void let_through() { impatient_ = false; }

private:
    static constexpr std::size_t held_back_bytes = 1'000;

    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.sin_port = htons(port);
        return at;
    }
    static bool readable(int fd) {
        pollfd one{fd, POLLIN, 0};
        return ::poll(&one, 1, 10) > 0;
    }
    static void send_all(int to, std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    void accept_all() {
        while (!stopping_) {
            if (!readable(listener_)) continue;
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client >= 0) passing_.emplace_back([this, client] { pass(client); });
        }
    }

    void pass(int client) {
        const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in at = loopback(server_port_);
        ::connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at);
        std::array<char, 65'536> bytes;
        bool open = true;
        while (open && !stopping_) {
            if (readable(server)) {
                const auto got = ::recv(server, bytes.data(), bytes.size(), 0);
                if (got <= 0) break;
                send_all(client, {bytes.data(), static_cast<std::size_t>(got)});
            }
            if (!readable(client)) continue;
            const auto got = ::recv(client, bytes.data(), bytes.size(), 0);
            if (got <= 0) break;
            const std::string_view text(bytes.data(), static_cast<std::size_t>(got));
            if (impatient_ && text.starts_with("POST /?query=INSERT")) {
                answer_early(client, server, std::string(text));
                open = false;
            } else {
                send_all(server, text);
            }
        }
        ::close(client);
        ::close(server);
    }

    void answer_early(int client, int server, std::string request) {
        const auto head_end = request.find("\r\n\r\n") + 4;
        const auto field = request.find("Content-Length: ") + 16;
        const std::size_t whole = head_end + std::strtoull(request.c_str() + field, nullptr, 10);
        std::array<char, 65'536> bytes;
        while (request.size() < whole) {
            const auto got = ::recv(client, bytes.data(), bytes.size(), 0);
            if (got <= 0) return;
            request.append(bytes.data(), static_cast<std::size_t>(got));
        }
        const auto first = std::string_view(request).substr(0, whole - held_back_bytes);
        send_all(server, first);
        send_all(client,
                 "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
                 "late\n");
        ::shutdown(client, SHUT_RDWR);
        while (impatient_ && !stopping_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        send_all(server, std::string_view(request).substr(first.size()));
        while (!stopping_ && !readable(server)) {
        }
    }

    const std::uint16_t server_port_;
    const int listener_;
    std::uint16_t port_ = 0;
    std::atomic<bool> impatient_{false};
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> passing_;
    std::thread accepting_;
};

}  // namespace qck::test
