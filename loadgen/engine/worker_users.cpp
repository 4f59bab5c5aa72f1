#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "loadgen/engine/worker.hpp"

namespace qck::engine {

using record::Cause;
using What = schedule::UserSchedule::What;

namespace {

/// Requests sent and connections opened before answers are looked at again; with thousands of users
/// many can be due at once.
constexpr std::uint32_t sends_in_a_row = 64;

}  // namespace

const Target& Worker::target_of(const Connection& connection) const {
    const bool to_api = users_ && setup_.requests[users_->request_of(connection.place)].to_api;
    return to_api ? *setup_.api : setup_.target;
}

void Worker::seat_users() {
    while (connections_.size() < users_->count()) {
        Connection& connection = connections_.emplace_back(limits_, setup_.pipeline);
        connection.place = static_cast<std::uint32_t>(connections_.size() - 1);
        // Opened when its user comes, and not before.
        connection.retry_at_ns = std::numeric_limits<std::int64_t>::max();
    }
}

std::int64_t Worker::send_due_of_users() {
    for (std::uint32_t sends = 0;; ++sends) {
        const std::int64_t now = monotonic_ns();
        const schedule::UserSchedule::Event* const event = users_->first();
        if (event == nullptr || event->due_ns > since_start(now)) return now;
        if (lease_has_passed(now)) return now;
        if (sends == sends_in_a_row) {
            // More is due. Whoever shares the CPU answers before more is asked, while the sockets
            // are in its cache.
            if (!setup_.may_spin) std::this_thread::yield();
            return monotonic_ns();
        }
        Connection& connection = connections_[event->place];
        if (event->what == What::comes) {
            open(connection, now);
            users_->done();
            continue;
        }
        if (!connection.has_room()) {
            users_->wait();
            continue;
        }
        const auto request = users_->request(event->place);
        const auto phase =
            static_cast<std::uint32_t>(setup_.timetable.curve().phase_at(request.due_ns));
        load_request({request.n, request.due_ns, phase},
                     setup_.mix.choose(request.n, request.kind));
        users_->done();
        send_loaded(connection, now);
    }
}

void Worker::give_up_waiting(std::int64_t at_ns, std::int64_t due_before_ns, Cause cause) {
    if (users_->waiting() == 0) return;
    for (std::uint32_t place = 0; place < users_->count(); ++place) {
        while (users_->waits(place)) {
            const auto request = users_->request(place);
            if (request.due_ns > due_before_ns) break;
            const auto phase =
                static_cast<std::uint32_t>(setup_.timetable.curve().phase_at(request.due_ns));
            record_.scheduled(phase, request.due_ns);
            record_.unsent(phase, request.due_ns, at_ns,
                           std::min(at_ns - request.due_ns, setup_.timeout_ns), cause,
                           static_cast<std::uint8_t>(request.kind));
            users_->skip(place, at_ns);
        }
    }
}

void Worker::give_up_users(std::int64_t at_ns, Cause cause) {
    // What is due and was not looked at yet is given up as well.
    for (auto* event = users_->first(); event != nullptr && event->due_ns <= at_ns;
         event = users_->first()) {
        if (event->what == What::asks) {
            users_->wait();
        } else {
            users_->done();
        }
    }
    give_up_waiting(at_ns, at_ns, cause);
    users_->end();
}

}  // namespace qck::engine
