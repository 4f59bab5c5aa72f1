#include "cli/commands/bench_metrics.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "loadgen/report/run_metrics.hpp"

namespace qck::commands {
namespace {

constexpr std::int64_t patience_ns = 1'000'000'000;
constexpr std::int64_t retry_ns = 100'000'000;
constexpr std::size_t request_bytes_max = 8 * 1024;

/// Whether the socket is ready for `events` before `until_ns`.
bool becomes_ready(int fd, short events, std::int64_t until_ns) {
    for (;;) {
        const std::int64_t left_ms = (until_ns - monotonic_ns() + 999'999) / 1'000'000;
        if (left_ms <= 0) return false;
        pollfd ready{fd, events, 0};
        const int count = ::poll(&ready, 1, static_cast<int>(left_ms));
        if (count < 0 && errno == EINTR) continue;
        return count > 0;
    }
}

/// The head of a request; what came of it when the client is too slow or says too much.
std::string read_head(int fd, std::int64_t until_ns) {
    std::string head;
    char piece[1024];
    while (head.size() < request_bytes_max && head.find("\r\n\r\n") == std::string::npos) {
        if (!becomes_ready(fd, POLLIN, until_ns)) break;
        const ssize_t got = ::recv(fd, piece, sizeof piece, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) break;
        head.append(piece, static_cast<std::size_t>(got));
    }
    return head;
}

void write_all(int fd, std::string_view text, std::int64_t until_ns) {
    while (!text.empty() && becomes_ready(fd, POLLOUT, until_ns)) {
        const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (sent < 0) return;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::string response(const char* status, const char* type, const std::string& body) {
    return std::string("HTTP/1.1 ") + status + "\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
           body;
}

}  // namespace

Result<std::unique_ptr<BenchMetrics>> BenchMetrics::wanted_by(const BenchOptions& options) {
    if (options.metrics.empty()) return nullptr;
    auto metrics = listen(options.metrics);
    if (metrics && !options.quiet) {
        std::fprintf(stderr, "qck bench: metrics at %s\n", (*metrics)->url().c_str());
    }
    return metrics;
}

ProgressSink BenchMetrics::sink_of(BenchMetrics* metrics) {
    if (metrics == nullptr) return {};
    return [metrics](const scenario::Plan& plan, const record::Progress& progress) {
        metrics->show(plan, progress);
    };
}

Result<std::unique_ptr<BenchMetrics>> BenchMetrics::listen(const std::string& address) {
    const auto wrong = [](const Error& cause) {
        return error(cause.code, "--metrics: " + cause.message);
    };
    const auto place = net::parse_address(address);
    if (!place) return wrong(place.error());
    auto listeners = net::listen_on(*place, 1);
    if (!listeners) return wrong(listeners.error());
    const auto bound = net::local_address(listeners->front().get());
    if (!bound) return wrong(bound.error());
    net::Fd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop) return wrong(io_error("cannot make an eventfd", errno));
    return std::unique_ptr<BenchMetrics>(
        new BenchMetrics(std::move(listeners->front()), std::move(stop),
                         "http://" + bound->to_string() + "/metrics"));
}

BenchMetrics::BenchMetrics(net::Fd listener, net::Fd stop, std::string url)
    : listener_(std::move(listener)), stop_(std::move(stop)), url_(std::move(url)) {
    thread_ = std::thread([this] { serve(); });
}

BenchMetrics::~BenchMetrics() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
}

void BenchMetrics::show(const scenario::Plan& plan, const record::Progress& progress) {
    const std::lock_guard lock(mutex_);
    scenario_ = plan.name;
    phase_.clear();
    if (!plan.phases.empty()) {
        phase_ = plan.phases[std::min(progress.phase, plan.phases.size() - 1)].name;
    }
    progress_ = progress;
}

std::string BenchMetrics::page() const {
    const std::lock_guard lock(mutex_);
    return report::to_prometheus(scenario_, phase_, progress_);
}

void BenchMetrics::answer(const net::Fd& client) {
    const std::int64_t until_ns = monotonic_ns() + patience_ns;
    const std::string head = read_head(client.get(), until_ns);
    const bool asks = head.starts_with("GET /metrics ") || head.starts_with("GET /metrics?");
    write_all(client.get(),
              asks ? response("200 OK", "text/plain; version=0.0.4; charset=utf-8", page())
                   : response("404 Not Found", "text/plain", "GET /metrics is what is here\n"),
              until_ns);
    // What it has said and nobody read would reset the connection under the answer.
    ::shutdown(client.get(), SHUT_WR);
    char rest[1024];
    while (becomes_ready(client.get(), POLLIN, until_ns) &&
           ::recv(client.get(), rest, sizeof rest, 0) > 0) {
    }
}

void BenchMetrics::serve() {
    name_thread("qck-metrics");
    for (;;) {
        pollfd ready[2] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        if (::poll(ready, 2, -1) < 0 && errno != EINTR) return;
        if (ready[1].revents != 0) return;
        if (ready[0].revents == 0) continue;
        const net::Fd client(
            ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (client) {
            answer(client);
        } else {  // no descriptor left: the client waits, and so do we
            becomes_ready(stop_.get(), POLLIN, monotonic_ns() + retry_ns);
        }
    }
}

}  // namespace qck::commands
