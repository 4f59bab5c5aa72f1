#pragma once

#include <ctime>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/net/address.hpp"
#include "base/net/reactor.hpp"
#include "base/net/tls.hpp"
#include "services/http_server/server.hpp"
#include "tests/support/catch.hpp"

namespace qck::http_server::test {

using namespace std::chrono_literals;

/// Answers with what it was asked, `METHOD target body`. `/big` answers a million bytes, `/huge`
/// twenty, `/later` from another thread, `/ready` ready-made bytes, `/held` when it is told to
/// (`/held-ready` with ready-made bytes, `/held-watched` with an eye on its client), `/dropped`
/// never.
class EchoHandler final : public Handler {
public:
    void handle(const Request& request, Exchange& exchange) override {
        Response response;
        response.content_type = "text/plain";
        response.body = std::string(http::method_name(request.head.method)) + ' ' +
                        std::string(request.head.target) + ' ' + std::string(request.body);
        const std::string_view path = request.head.path();
        if (path == "/ready") {
            return exchange.output().append(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" +
                std::string(exchange.keep_alive() ? "" : "Connection: close\r\n") + "\r\nok");
        }
        if (path == "/big") {
            response.body.assign(1'000'000, 'x');
        } else if (path == "/huge") {
            response.body.assign(20'000'000, 'x');
        } else if (path == "/later") {
            auto answer = [reply = exchange.answer_later(), response]() mutable {
                reply.answer(std::move(response));
            };
            later_.push_back(std::async(std::launch::async, std::move(answer)));
            return;
        } else if (path.starts_with("/held")) {
            const std::lock_guard lock(held_mutex_);
            held_ready_made_ = path == "/held-ready";
            if (path == "/held-watched") client_left_ = exchange.watch_client();
            held_.push_back(exchange.answer_later());
            return;
        } else if (path == "/dropped") {
            static_cast<void>(exchange.answer_later());
            return;
        }
        exchange.answer(response);
    }

    /// How many answers are held. Thread-safe.
    std::size_t holds() {
        const std::lock_guard lock(held_mutex_);
        return held_.size();
    }
    /// Whether the client of `/held-watched` went away. Thread-safe.
    bool client_left() {
        const std::lock_guard lock(held_mutex_);
        return client_left_ && *client_left_;
    }
    /// Answers what is held; false when nothing is. Thread-safe.
    bool answer_held() {
        const std::lock_guard lock(held_mutex_);
        if (held_.empty()) return false;
        for (PendingReply& reply : held_) {
            Response response;
            response.body = "released";
            if (held_ready_made_) {
                response.ready_made = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            }
            reply.answer(std::move(response));
        }
        held_.clear();
        return true;
    }

private:
    std::vector<std::future<void>> later_;
    std::mutex held_mutex_;
    std::vector<PendingReply> held_;
    bool held_ready_made_ = false;
    std::shared_ptr<const std::atomic<bool>> client_left_;
};

/// A server on a free port of loopback, and the thread that runs it.
class RunningServer {
public:
    explicit RunningServer(const ServerConfig& config = {},
                           const net::TlsServerContext* tls = nullptr, OutputGate* gate = nullptr)
        : reactor_(*net::Reactor::create()) {
        net::Fd listener =
            std::move(net::listen_on(*net::parse_address("127.0.0.1:0"), 1)->front());
        address_ = *net::local_address(listener.get());
        server_ =
            std::make_unique<Server>(*reactor_, std::move(listener), handler_, config, tls, gate);
        REQUIRE(server_->start().has_value());
        thread_ = std::thread([this] { reactor_->run(); });
    }
    ~RunningServer() {
        reactor_->stop();
        thread_.join();
        handler_.answer_held();
    }

    const net::Address& address() const { return address_; }
    const ServerCounters& counters() const { return server_->counters(); }
    EchoHandler& handler() { return handler_; }
    /// What was marked up to `mark` is durable.
    void open_gate(std::uint64_t mark) {
        reactor_->post([this, mark] { server_->gate_opened(mark); });
    }
    /// Runs `work` on the server's thread.
    void post(std::function<void(Server&)> work) {
        reactor_->post([this, work = std::move(work)] { work(*server_); });
    }
    void drain() {
        reactor_->post([this] { server_->drain(); });
    }

private:
    EchoHandler handler_;
    std::unique_ptr<net::Reactor> reactor_;
    net::Address address_;
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

/// Asks until the answer is yes; false after ten seconds.
template <class Condition>
bool eventually(Condition condition) {
    const std::int64_t deadline_ns = monotonic_ns() + std::chrono::nanoseconds(10s).count();
    while (!condition()) {
        if (monotonic_ns() > deadline_ns) return false;
        std::this_thread::yield();
    }
    return true;
}

/// Seconds of CPU that this process has used.
inline double cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

/// `HTTP/1.1 200 OK` of a response.
inline std::string status_line(const std::string& response) {
    return response.substr(0, response.find("\r\n"));
}
/// What follows the head.
inline std::string body_of(const std::string& response) {
    const auto end = response.find("\r\n\r\n");
    return end == std::string::npos ? std::string() : response.substr(end + 4);
}

}  // namespace qck::http_server::test
