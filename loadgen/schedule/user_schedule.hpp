#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "loadgen/scenario/plan.hpp"
#include "loadgen/schedule/stripe.hpp"

namespace qck::schedule {

/// When each user of a plan comes, and when each of its requests is due, in closed form.
///
/// User u of N (from 0) comes u / spawn_per_s into the run. Its request k (from 0) is due k periods
/// after its first one, which is due a share of a period after it came; the shares are the
/// fractional parts of u times the golden ratio, which spread users evenly over the period however
/// many have come (Weyl's sequence). Request k of user u is request k·N + u of the run.
///
/// Stripes share users: a stripe has those u for which u mod period is one of its lanes, with what
/// they ask from the time `first` (ns from the start) on.
///
/// Immutable; thread-safe.
class UserTable {
public:
    /// `duration_ns`: nothing is due from then on.
    UserTable(const scenario::Users& users, std::int64_t duration_ns);

    std::uint32_t count() const { return static_cast<std::uint32_t>(group_of_.size()); }
    std::int64_t duration_ns() const { return duration_ns_; }
    std::int64_t comes_ns(std::uint32_t user) const;
    /// Of user u's request k; empty when the run is over by then.
    std::optional<std::int64_t> due_ns(std::uint32_t user, std::uint64_t k) const;
    /// Index into Plan::requests.
    std::uint16_t request_of(std::uint32_t user) const { return groups_[group_of_[user]].request; }
    /// The first request of user u that is due at `at_ns` or later.
    std::uint64_t first_due_from(std::uint32_t user, std::int64_t at_ns) const;
    /// How many requests of all users are due before `at_ns`.
    std::uint64_t due_before(std::int64_t at_ns) const;
    /// The same of a stripe's users, from its first on.
    std::uint64_t due_before(const Stripe& stripe, std::int64_t at_ns) const;
    /// How many users a stripe has.
    std::uint32_t users_of(const Stripe& stripe) const;
    /// Calls `visit` with each user of a stripe, in order.
    template <class Visit>
    void for_each_user(const Stripe& stripe, Visit&& visit) const {
        for (Stripe at(stripe.lanes(), stripe.period()); at.n() < count(); at.advance()) {
            visit(static_cast<std::uint32_t>(at.n()));
        }
    }

private:
    struct Group {
        double period_ns = 0;
        std::uint16_t request = 0;
    };

    std::int64_t first_due_ns(std::uint32_t user) const;
    std::int64_t due_at(std::uint32_t user, std::uint64_t k) const;

    std::vector<Group> groups_;
    std::vector<std::uint16_t> group_of_;  ///< by user
    double spawn_gap_ns_;
    std::int64_t duration_ns_;
};

/// What is next to do for one worker's users: those of its stripes.
///
/// Not thread-safe; each worker owns one. The table outlives it. Users are named by their place
/// among the worker's own, from 0.
class UserSchedule {
public:
    enum class What : std::uint8_t { comes, asks };
    struct Event {
        std::int64_t due_ns = 0;
        std::uint32_t place = 0;
        What what = What::comes;
    };
    struct Request {
        std::uint64_t n = 0;
        std::int64_t due_ns = 0;
        std::uint16_t kind = 0;
    };

    UserSchedule(const UserTable& table, const Stripe& stripe);

    /// Takes the users of a stripe over that has none of those that are here. They get the next
    /// places, and come at once where they should be there by now.
    void add(const Stripe& stripe);

    std::uint32_t count() const { return static_cast<std::uint32_t>(users_.size()); }
    /// Index into Plan::requests of what this user asks for.
    std::uint16_t request_of(std::uint32_t place) const {
        return table_->request_of(users_[place].user);
    }
    /// The earliest event of all users that do not wait; empty when there is none.
    const Event* first() const { return events_.empty() ? nullptr : &events_.front(); }
    /// The request that a user asks next, whether it is due or waits. Needs one to be left.
    Request request(std::uint32_t place) const;
    bool has_request(std::uint32_t place) const { return users_[place].due_ns >= 0; }
    bool waits(std::uint32_t place) const { return users_[place].waits; }
    std::uint32_t waiting() const { return waiting_; }

    /// The first event is done with: its user came, or asked; its next request follows.
    void done();
    /// The first event cannot be done with, because its user's connection has no room: it is set
    /// aside until resume() or skip().
    void wait();
    /// The user's connection has room again.
    void resume(std::uint32_t place);
    /// A waiting user's request is given up; it waits for the next one if that is due by `at_ns`.
    void skip(std::uint32_t place, std::int64_t at_ns);
    /// Nobody asks any more.
    void end();

private:
    struct User {
        std::uint32_t user = 0;
        bool waits = false;
        std::uint64_t next = 0;    ///< k of its next request
        std::int64_t due_ns = -1;  ///< of that request; -1 when there is none
    };

    void push(const Event& event);
    void pop();
    void replace_first(const Event& event);
    void advance(User& user);

    const UserTable* table_;
    std::vector<User> users_;
    std::vector<Event> events_;  ///< heap, the earliest in front; at most one a user
    std::uint32_t waiting_ = 0;
};

}  // namespace qck::schedule
