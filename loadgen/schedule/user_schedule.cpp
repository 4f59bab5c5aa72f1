#include "loadgen/schedule/user_schedule.hpp"

#include <algorithm>
#include <cmath>

namespace qck::schedule {
namespace {

constexpr double golden_ratio_fraction = 0.6180339887498949;

struct Later {
    bool operator()(const UserSchedule::Event& a, const UserSchedule::Event& b) const {
        return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.place > b.place;
    }
};

}  // namespace

UserTable::UserTable(const scenario::Users& users, std::int64_t duration_ns)
    : spawn_gap_ns_(1e9 / users.spawn_per_s), duration_ns_(duration_ns) {
    for (const scenario::Users::Group& group : users.groups) {
        groups_.push_back({1e9 / group.rate_per_s, group.request});
    }
    // Each user goes to the group that is furthest behind its share of those who have come.
    const std::uint32_t count = users.count();
    std::vector<std::uint64_t> came(groups_.size());
    group_of_.reserve(count);
    for (std::uint32_t user = 0; user < count; ++user) {
        std::size_t most_behind = 0;
        double behind_max = -1;
        for (std::size_t at = 0; at < groups_.size(); ++at) {
            const double share = static_cast<double>(users.groups[at].count) / count;
            const double behind = share * (user + 1.0) - static_cast<double>(came[at]);
            if (came[at] < users.groups[at].count && behind > behind_max) {
                behind_max = behind;
                most_behind = at;
            }
        }
        ++came[most_behind];
        group_of_.push_back(static_cast<std::uint16_t>(most_behind));
    }
}

std::int64_t UserTable::comes_ns(std::uint32_t user) const {
    return std::llround(user * spawn_gap_ns_);
}

std::int64_t UserTable::first_due_ns(std::uint32_t user) const {
    const double share = user * golden_ratio_fraction;
    return comes_ns(user) +
           std::llround((share - std::floor(share)) * groups_[group_of_[user]].period_ns);
}

std::int64_t UserTable::due_at(std::uint32_t user, std::uint64_t k) const {
    return first_due_ns(user) +
           std::llround(static_cast<double>(k) * groups_[group_of_[user]].period_ns);
}

std::optional<std::int64_t> UserTable::due_ns(std::uint32_t user, std::uint64_t k) const {
    const std::int64_t due = due_at(user, k);
    if (due >= duration_ns_) return std::nullopt;
    return due;
}

std::uint64_t UserTable::first_due_from(std::uint32_t user, std::int64_t at_ns) const {
    const std::int64_t first = first_due_ns(user);
    if (first >= at_ns) return 0;
    const double periods = static_cast<double>(at_ns - first) / groups_[group_of_[user]].period_ns;
    // Rounding may be off by one either way; the due times themselves decide.
    auto k = static_cast<std::uint64_t>(periods);
    while (due_at(user, k) < at_ns) ++k;
    while (k > 0 && due_at(user, k - 1) >= at_ns) --k;
    return k;
}

std::uint64_t UserTable::due_before(std::int64_t at_ns) const {
    return due_before(Stripe::of(0, 1), at_ns);
}

std::uint64_t UserTable::due_before(const Stripe& stripe, std::int64_t at_ns) const {
    const std::int64_t end = std::min(at_ns, duration_ns_);
    const auto begin = static_cast<std::int64_t>(stripe.first());
    if (end <= begin) return 0;
    std::uint64_t sum = 0;
    for_each_user(stripe, [&](std::uint32_t user) {
        sum += first_due_from(user, end) - first_due_from(user, begin);
    });
    return sum;
}

std::uint32_t UserTable::users_of(const Stripe& stripe) const {
    std::uint32_t sum = 0;
    for_each_user(stripe, [&](std::uint32_t) { ++sum; });
    return sum;
}

UserSchedule::UserSchedule(const UserTable& table, const Stripe& stripe) : table_(&table) {
    add(stripe);
}

void UserSchedule::add(const Stripe& stripe) {
    const auto begin = static_cast<std::int64_t>(stripe.first());
    table_->for_each_user(stripe, [&](std::uint32_t user) {
        User mine;
        mine.user = user;
        mine.next = table_->first_due_from(user, begin);
        mine.due_ns = table_->due_ns(user, mine.next).value_or(-1);
        const std::uint32_t place = count();
        users_.push_back(mine);
        push({table_->comes_ns(user), place, What::comes});
    });
}

UserSchedule::Request UserSchedule::request(std::uint32_t place) const {
    const User& user = users_[place];
    return {user.next * table_->count() + user.user, user.due_ns, table_->request_of(user.user)};
}

void UserSchedule::push(const Event& event) {
    events_.push_back(event);
    std::push_heap(events_.begin(), events_.end(), Later{});
}

void UserSchedule::pop() {
    std::pop_heap(events_.begin(), events_.end(), Later{});
    events_.pop_back();
}

void UserSchedule::advance(User& user) {
    user.due_ns = table_->due_ns(user.user, ++user.next).value_or(-1);
}

/// As pop() and push(), in half the steps: it is done once a request.
void UserSchedule::replace_first(const Event& event) {
    const Later later;
    std::size_t hole = 0;
    for (std::size_t child = 1; child < events_.size(); child = 2 * hole + 1) {
        if (child + 1 < events_.size() && later(events_[child], events_[child + 1])) ++child;
        if (!later(event, events_[child])) break;
        events_[hole] = events_[child];
        hole = child;
    }
    events_[hole] = event;
}

void UserSchedule::done() {
    const Event event = events_.front();
    User& user = users_[event.place];
    if (event.what == What::asks) advance(user);
    if (user.due_ns >= 0) {
        replace_first({user.due_ns, event.place, What::asks});
    } else {
        pop();
    }
}

void UserSchedule::wait() {
    users_[events_.front().place].waits = true;
    ++waiting_;
    pop();
}

void UserSchedule::resume(std::uint32_t place) {
    User& user = users_[place];
    if (!user.waits) return;
    user.waits = false;
    --waiting_;
    push({user.due_ns, place, What::asks});
}

void UserSchedule::skip(std::uint32_t place, std::int64_t at_ns) {
    User& user = users_[place];
    advance(user);
    if (user.due_ns >= 0 && user.due_ns <= at_ns) return;
    user.waits = false;
    --waiting_;
    if (user.due_ns >= 0) push({user.due_ns, place, What::asks});
}

void UserSchedule::end() {
    events_.clear();
    waiting_ = 0;
    for (User& user : users_) {
        user.waits = false;
        user.due_ns = -1;
    }
}

}  // namespace qck::schedule
