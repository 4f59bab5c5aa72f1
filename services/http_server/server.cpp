#include "services/http_server/server.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/log.hpp"
#include "services/http_server/pending_reply.hpp"

namespace qck::http_server {
namespace {

using namespace std::chrono_literals;

constexpr auto sweep_period = 200ms;
/// How long accepting rests when the process has run out of descriptors.
constexpr auto accept_pause = 100ms;
/// Bounds the time that one burst of new connections keeps the others waiting.
constexpr int accepts_per_event = 64;
/// More than a listener's queue holds as a rule (net.core.somaxconn).
constexpr int drain_accepts_max = 8192;
/// At most one line of log for so long while descriptors lack.
constexpr std::int64_t tell_every_ns = 10'000'000'000;
/// Many pipelined requests in one read.
constexpr std::size_t input_bytes_min = 64 * 1024;
constexpr std::size_t output_bytes_at_first = 64 * 1024;

}  // namespace

Server::Server(net::Reactor& reactor, net::Fd listener, Handler& handler,
               const ServerConfig& config, const net::TlsServerContext* tls, OutputGate* gate)
    : reactor_(reactor),
      listener_(std::move(listener)),
      handler_(handler),
      config_(config),
      tls_(tls),
      gate_(gate),
      channel_(std::make_shared<PendingReply::Channel>(reactor, *this)),
      input_bytes_(std::max(input_bytes_min, 2 * config.limits.head_bytes_max)),
      input_(std::make_unique_for_overwrite<char[]>(input_bytes_)),
      output_(output_bytes_at_first) {
    reactor_.after_each_batch([this] { finished_.clear(); });
}

Server::~Server() {
    channel_->disconnect();
    close_all();
    if (sweep_timer_ != 0) reactor_.cancel(sweep_timer_);
    if (accept_timer_ != 0) reactor_.cancel(accept_timer_);
    if (listener_) reactor_.unwatch(listener_.get(), *this);
}

Result<void> Server::start() {
    sweep_timer_ = reactor_.every(sweep_period, [this] { sweep(); });
    return reactor_.watch(listener_.get(), EPOLLIN, *this);
}

void Server::on_events(std::uint32_t) {
    if (!accept_waiting(accepts_per_event)) pause_accepting();
}

bool Server::accept_waiting(int count_max) {
    for (int i = 0; i < count_max; ++i) {
        net::Address peer;
        peer.length = sizeof peer.storage;
        net::Fd fd(
            ::accept4(listener_.get(), peer.data(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) {
            return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
        }
        accept_one(std::move(fd), peer);
    }
    return true;
}

void Server::accept_one(net::Fd fd, const net::Address& peer) {
    counters_.connections_accepted.add();
    if (counters_.connections_open.value() >= config_.connections_max) {
        counters_.connections_refused.add();
        return;
    }
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    net::TlsStream tls;
    if (tls_ != nullptr) {
        auto stream = tls_->accept(fd.get());
        if (!stream) {
            counters_.connections_refused.add();
            return;
        }
        tls = std::move(*stream);
    }
    std::uint32_t slot = 0;
    if (free_slots_.empty()) {
        slot = static_cast<std::uint32_t>(sessions_.size());
        sessions_.emplace_back();
    } else {
        slot = free_slots_.back();
        free_slots_.pop_back();
    }
    const int descriptor = fd.get();
    auto session = std::make_unique<Session>(*this, std::move(fd), peer, slot, ++last_generation_,
                                             std::move(tls));
    if (!reactor_.watch(descriptor, EPOLLIN, *session)) {
        counters_.connections_refused.add();
        free_slots_.push_back(slot);
        return;
    }
    counters_.connections_open.add();
    sessions_[slot] = std::move(session);
}

void Server::pause_accepting() {
    const std::int64_t now_ns = reactor_.now_ns();
    if (pause_told_ns_ == 0 || now_ns - pause_told_ns_ > tell_every_ns) {
        log::warn("accept_paused", {{"why", "no file descriptors left"}});
        pause_told_ns_ = now_ns;
    }
    counters_.connections_refused.add();
    reactor_.unwatch(listener_.get(), *this);
    accept_timer_ = reactor_.after(accept_pause, [this] { go_on_accepting(); });
}

void Server::go_on_accepting() {
    if (!listener_ || reactor_.watch(listener_.get(), EPOLLIN, *this)) return;
    accept_timer_ = reactor_.after(accept_pause, [this] { go_on_accepting(); });
}

void Server::go_on_later(const Session& session) {
    reactor_.post([this, slot = session.slot(), generation = session.generation()] {
        if (Session* const found = find(slot, generation)) found->go_on();
    });
}

void Server::drain() {
    draining_ = true;
    if (listener_) {
        // Closing the listener resets what the kernel holds for it.
        accept_waiting(drain_accepts_max);
        reactor_.unwatch(listener_.get(), *this);
        listener_.reset();
    }
    // What is answered here adds no sessions, but may empty their slots.
    for (const auto& session : sessions_) {
        if (session) session->drain();
    }
    accepted_all_.store(true, std::memory_order_release);
}

void Server::close_all() {
    for (const auto& session : sessions_) {
        if (session) session->close();
    }
    finished_.clear();
}

void Server::gate_opened(std::uint64_t mark) {
    while (!held_.empty() && held_.front().mark <= mark) {
        const Held held = held_.front();
        held_.pop_front();
        if (Session* const session = find(held.slot, held.generation)) session->release(mark);
    }
}

Session* Server::find(std::uint32_t slot, std::uint64_t generation) {
    Session* const session = slot < sessions_.size() ? sessions_[slot].get() : nullptr;
    return session != nullptr && session->generation() == generation ? session : nullptr;
}

Session* Server::find_waiting(std::uint32_t slot, std::uint64_t generation) {
    Session* const session = find(slot, generation);
    return session != nullptr && session->is_waiting() ? session : nullptr;
}

void Server::forget(Session& session) {
    counters_.connections_open.subtract();
    free_slots_.push_back(session.slot());
    finished_.push_back(std::move(sessions_[session.slot()]));
}

void Server::sweep() {
    const std::int64_t now_ns = reactor_.now_ns();
    for (const auto& session : sessions_) {
        if (session) session->check_deadline(now_ns);
    }
}

}  // namespace qck::http_server
