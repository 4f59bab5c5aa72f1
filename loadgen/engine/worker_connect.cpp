#include <algorithm>

#include "base/clock.hpp"
#include "loadgen/engine/worker.hpp"

namespace qck::engine {

using record::Cause;
using State = Connection::State;

namespace {

constexpr std::int64_t backoff_first_ns = 10'000'000;
constexpr std::uint32_t backoff_doublings_max = 6;

}  // namespace

void Worker::open(Connection& connection, std::int64_t now_ns) {
    const auto& addresses = target_of(connection).addresses;
    const auto& locals = setup_.local_addresses;
    const std::size_t turn = address_next_++;
    const net::Address& to = addresses[turn % addresses.size()];
    const net::Address* from = nullptr;
    // Every pair of addresses in turn; of the locals the next one that leads there.
    for (std::size_t step = 0; step < locals.size() && from == nullptr; ++step) {
        const net::Address& local = locals[(turn / addresses.size() + step) % locals.size()];
        if (local.family() == to.family()) from = &local;
    }
    connection.connect_by_ns = now_ns + setup_.connect_timeout_ns;
    if (const auto cause = connection.start_connect(to, from)) {
        connect_failed(connection, now_ns, *cause);
        return;
    }
    // Edge-triggered and for both directions, so that no request needs an epoll_ctl.
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    interest.data.ptr = &connection;
    if (::epoll_ctl(pacer_->epoll(), EPOLL_CTL_ADD, connection.socket.get(), &interest) != 0) {
        connect_failed(connection, now_ns, cause_of_errno(errno));
    }
}

void Worker::on_connecting(Connection& connection) {
    if (const auto cause = connection.connect_outcome()) {
        connect_failed(connection, monotonic_ns(), *cause);
        return;
    }
    const Target& target = target_of(connection);
    if (!target.tls) {
        on_open(connection);
        return;
    }
    auto stream = setup_.tls->connect(connection.socket.get(), target.host);
    if (!stream) {
        connect_failed(connection, monotonic_ns(), Cause::tls);
        return;
    }
    connection.tls.emplace(std::move(*stream));
    connection.state = State::handshaking;
    on_handshake(connection);
}

void Worker::on_handshake(Connection& connection) {
    switch (connection.tls->handshake()) {
        case net::TlsStatus::ok:
            on_open(connection);
            return;
        case net::TlsStatus::want_read:
        case net::TlsStatus::want_write:
            return;
        case net::TlsStatus::closed:
        case net::TlsStatus::failed:
            break;
    }
    connect_failed(connection, monotonic_ns(), Cause::tls);
}

void Worker::on_open(Connection& connection) {
    connection.state = State::open;
    evidence_.connections_opened.add();
    evidence_.connections_open.add();
    evidence_.connections_open_max =
        std::max(evidence_.connections_open_max,
                 static_cast<std::uint32_t>(evidence_.connections_open.value()));
    if (setup_.closed_loop && start_ns_ != 0) {
        fill_closed_loop(connection, monotonic_ns());
    } else {
        offer_room(connection);
    }
}

void Worker::connect_failed(Connection& connection, std::int64_t now_ns, Cause cause) {
    ++evidence_.connect_failed_by[static_cast<std::size_t>(cause)];
    connect_failures_.add();
    last_connect_cause_.store(cause, std::memory_order_relaxed);
    connection.close();
    const std::uint32_t doublings = std::min(connection.failures, backoff_doublings_max);
    ++connection.failures;
    connection.retry_at_ns = now_ns + (backoff_first_ns << doublings);
}

void Worker::forget(Connection& connection) {
    evidence_.connections_open.subtract();
    connection.close();
}

void Worker::drop(Connection& connection, std::int64_t now_ns, Cause cause) {
    if (connection.state != State::open) return;
    evidence_.connections_lost.add();
    bool first = true;
    while (connection.open_requests() > 0) {
        record_.failed(connection.front(), since_start(now_ns),
                       first ? cause : Cause::lost_with_pipeline);
        connection.pop();
        --open_requests_;
        first = false;
    }
    const bool proven = connection.proven;
    forget(connection);
    if (proven) {
        connection.failures = 0;
        connection.retry_at_ns = now_ns;
        open(connection, now_ns);
        return;
    }
    // It opened but never answered: to open it at once again and again would be a flood of its own.
    const std::uint32_t doublings = std::min(connection.failures, backoff_doublings_max);
    ++connection.failures;
    connection.retry_at_ns = now_ns + (backoff_first_ns << doublings);
}

void Worker::renew(Connection& connection, std::int64_t now_ns) {
    forget(connection);
    open(connection, now_ns);
}

}  // namespace qck::engine
