#include <algorithm>

#include "base/clock.hpp"
#include "loadgen/engine/worker.hpp"

namespace qck::engine {

using record::Cause;

Connection* Worker::take_ready() {
    while (ready_count_ > 0) {
        Connection* const connection = ready_[ready_first_];
        if (++ready_first_ == ready_.size()) ready_first_ = 0;
        --ready_count_;
        connection->in_ready = false;
        if (connection->has_room()) return connection;
    }
    return nullptr;
}

void Worker::offer_room(Connection& connection) {
    if (users_) {
        if (connection.has_room()) users_->resume(connection.place);
        return;
    }
    if (connection.in_ready || !connection.has_room()) return;
    std::size_t at = ready_first_ + ready_count_++;
    if (at >= ready_.size()) at -= ready_.size();
    ready_[at] = &connection;
    connection.in_ready = true;
}

std::int64_t Worker::send_due() {
    // What feeds us may have had nothing a moment ago.
    if (feed_ && !next_) advance();
    for (;;) {
        const std::int64_t now = monotonic_ns();
        if (!next_ || next_->due_ns > since_start(now)) return now;
        if (lease_has_passed(now)) return now;
        if (since_start(now) - next_->due_ns >= setup_.timeout_ns) expire_backlog(now);
        if (!next_ || next_->due_ns > since_start(now)) return now;
        Connection* const connection = take_ready();
        if (connection == nullptr) return now;
        do {
            load_request(*next_, choice_of(*next_));
            advance();
        } while (next_ && next_->due_ns <= since_start(now) &&
                 connection->open_requests() + loaded_.size() < connection->depth());
        send_loaded(*connection, now);
        offer_room(*connection);
    }
}

schedule::Choice Worker::choice_of(const schedule::Arrival& arrival) const {
    if (!feed_) return setup_.mix.choose(arrival.n);
    schedule::Choice choice;
    choice.link = scenario::link_none;
    choice.head = feed_->current().head;
    return choice;
}

void Worker::load_request(const schedule::Arrival& arrival, const schedule::Choice& choice) {
    Sent request;
    if (feed_) {
        output_ += feed_->current().bytes;
        request.may_be_refused = feed_->current().may_be_refused;
    } else if (setup_.messages.only().empty()) {
        setup_.messages.append(output_, choice, arrival.n);
    }
    request.due_ns = arrival.due_ns;
    request.link = choice.link;
    request.kind = static_cast<std::uint8_t>(choice.kind);
    request.phase = static_cast<std::uint16_t>(arrival.phase);
    request.head = choice.head;
    loaded_.push_back(request);
    record_.scheduled(arrival.phase, arrival.due_ns);
}

void Worker::send_loaded(Connection& connection, std::int64_t now_ns) {
    std::string_view bytes = output_;
    if (const std::string& only = setup_.messages.only(); !only.empty()) {
        bytes = only;
        if (loaded_.size() > 1) {
            for (std::size_t at = 0; at < loaded_.size(); ++at) output_ += only;
            bytes = output_;
        }
    }
    // Requests that differ were written out one by one since `now_ns`.
    const std::int64_t sent_ns =
        since_start(setup_.messages.only().empty() ? monotonic_ns() : now_ns);
    const std::uint64_t each = bytes.size() / loaded_.size();
    for (Sent& request : loaded_) {
        request.sent_ns = sent_ns;
        record_.sent(request, each);
        connection.push(request);
    }
    open_requests_ += loaded_.size();
    loaded_.clear();
    const Connection::Transfer transfer = connection.send(bytes);
    if (transfer.kind == Connection::Transfer::Kind::broken) {
        drop(connection, now_ns, transfer.cause);
    } else if (transfer.bytes < bytes.size()) {
        connection.unsent_bytes.assign(bytes.substr(transfer.bytes));
    }
    output_.clear();
}

void Worker::fill_closed_loop(Connection& connection, std::int64_t now_ns) {
    const std::int64_t at = since_start(now_ns);
    if (at >= setup_.run_ns || stopped_at_ns_ >= 0 || !connection.has_room()) return;
    const std::uint32_t room = connection.depth() - connection.open_requests();
    for (std::uint32_t count = 0; count < room; ++count) {
        load_request({closed_loop_.n(), at, 0}, setup_.mix.choose(closed_loop_.n()));
        closed_loop_.advance();
    }
    send_loaded(connection, now_ns);
}

void Worker::flush(Connection& connection) {
    while (!connection.unsent_bytes.empty()) {
        const Connection::Transfer transfer = connection.send(connection.unsent_bytes);
        if (transfer.kind == Connection::Transfer::Kind::broken) {
            drop(connection, monotonic_ns(), transfer.cause);
            return;
        }
        if (transfer.kind == Connection::Transfer::Kind::blocked) return;
        connection.unsent_bytes.erase(0, transfer.bytes);
    }
    offer_room(connection);
}

record::Cause Worker::backlog_cause() const {
    if (evidence_.connections_open.value() > 0 || connect_failures_.value() == 0) {
        return Cause::no_free_connection;
    }
    return last_connect_cause();
}

}  // namespace qck::engine
