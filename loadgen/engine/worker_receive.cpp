#include "base/clock.hpp"
#include "loadgen/engine/worker.hpp"

namespace qck::engine {

using record::Cause;
using Kind = Connection::Transfer::Kind;

void Worker::on_readable(Connection& connection, std::uint32_t events) {
    const bool ending = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    for (;;) {
        const Connection::Transfer transfer = connection.receive(input_.data(), input_.size());
        if (transfer.kind == Kind::blocked) return;
        if (transfer.kind == Kind::ended) return on_ended(connection, Cause::closed_early);
        if (transfer.kind == Kind::broken) return on_ended(connection, transfer.cause);
        const std::int64_t now = monotonic_ns();
        if (!take_responses(connection, {input_.data(), transfer.bytes}, now)) return;
        // A read that did not fill the buffer has emptied the socket; the next bytes, or the end,
        // are an edge of their own (epoll(7)). TLS may hold more in itself.
        if (!ending && !connection.tls && transfer.bytes < input_.size()) return;
        if (connection.state != Connection::State::open) return;
    }
}

bool Worker::take_responses(Connection& connection, std::string_view in, std::int64_t now_ns) {
    const std::int64_t at = since_start(now_ns);
    while (!in.empty()) {
        if (connection.open_requests() == 0) {
            // Nobody asked: a farewell such as 408, or garbage. Either way it is of no more use.
            drop(connection, now_ns, Cause::protocol);
            return false;
        }
        const Sent& request = connection.front();
        std::size_t consumed = 0;
        const auto method = request.head ? http::Method::head : http::Method::get;
        switch (connection.reader.take(in, method, memo_, consumed)) {
            case http::ParseStatus::failed:
                drop(connection, now_ns, Cause::protocol);
                return false;
            case http::ParseStatus::need_more:
                record_.received(request.phase, in.size());
                after_responses(connection, now_ns);
                return true;
            case http::ParseStatus::complete:
                break;
        }
        record_.received(request.phase, consumed);
        record_.answered(request, at, connection.reader.status());
        connection.pop();
        connection.proven = true;
        --open_requests_;
        in.remove_prefix(consumed);
        if (!connection.reader.keep_alive()) {
            drop(connection, now_ns, Cause::lost_with_pipeline);
            return false;
        }
    }
    after_responses(connection, now_ns);
    return true;
}

void Worker::after_responses(Connection& connection, std::int64_t now_ns) {
    if (connection.retire) {
        if (connection.open_requests() == 0) renew(connection, now_ns);
        return;
    }
    if (setup_.closed_loop) {
        fill_closed_loop(connection, now_ns);
    } else {
        offer_room(connection);
    }
}

void Worker::on_ended(Connection& connection, Cause cause) {
    const std::int64_t now = monotonic_ns();
    if (cause == Cause::closed_early && connection.open_requests() > 0 &&
        connection.reader.finish() == http::ParseStatus::complete) {
        record_.answered(connection.front(), since_start(now), connection.reader.status());
        connection.pop();
        connection.proven = true;
        --open_requests_;
        cause = Cause::lost_with_pipeline;
    }
    drop(connection, now, cause);
}

}  // namespace qck::engine
