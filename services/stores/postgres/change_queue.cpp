#include "services/stores/postgres/change_queue.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"

namespace qck::postgres {
namespace {

/// A deadlock or a lost connection is seldom met twice.
constexpr int attempts_max = 3;
constexpr std::int64_t prune_period_ns = 3'600'000'000'000;

const Creation* creation_of(const Change& change) { return std::get_if<Creation>(&change); }

/// How many of `changes`, from the first, may share a transaction: creations, or alterations.
std::size_t run_length(std::span<const Change> changes, std::size_t length_max) {
    const auto* first = creation_of(changes.front());
    std::size_t links = first != nullptr ? first->links.size() : 1;
    if (first != nullptr && first->stands_alone()) return 1;
    std::size_t length = 1;
    while (length < changes.size() && links < length_max) {
        const auto* next = creation_of(changes[length]);
        if ((next == nullptr) != (first == nullptr)) break;
        if (next != nullptr && next->stands_alone()) break;
        links += next != nullptr ? next->links.size() : 1;
        ++length;
    }
    return length;
}

template <class Kind>
std::vector<Kind*> all_as(std::span<Change> changes) {
    std::vector<Kind*> result;
    result.reserve(changes.size());
    for (auto& change : changes) result.push_back(&std::get<Kind>(change));
    return result;
}

}  // namespace

ChangeQueue::ChangeQueue(Pool& primary, ChangeQueueOptions options)
    : primary_(primary), options_(options), pruned_at_ns_(monotonic_ns()) {
    thread_ = std::thread([this] { loop(); });
}

ChangeQueue::~ChangeQueue() { close(); }

void ChangeQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void ChangeQueue::submit(Change change) {
    {
        const std::lock_guard lock(mutex_);
        if (!stopping_ && waiting_.size() < options_.changes_max) {
            waiting_.push_back(std::move(change));
            if (waiting_.size() == 1) work_.notify_one();
            return;
        }
    }
    finish(change, error(Errc::unavailable,
                         "too many changes of links are waiting (try again in a second)"));
}

void ChangeQueue::loop() {
    std::vector<Change> group;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            group.swap(waiting_);
        }
        run_group(group);
        group.clear();
    }
}

void ChangeQueue::run_group(std::span<Change> group) {
    while (!group.empty()) {
        const auto length = run_length(group, options_.group_max);
        commit(group.first(length));
        group = group.subspan(length);
    }
}

void ChangeQueue::commit(std::span<Change> changes) {
    const auto outcome = commit_with_retries(changes);
    if (outcome || changes.size() == 1 || !is_about_a_change_) {
        for (auto& change : changes) finish(change, outcome);
        return;
    }
    for (std::size_t i = 0; i < changes.size(); ++i) {
        finish(changes[i], commit_with_retries(changes.subspan(i, 1)));
    }
}

Result<void> ChangeQueue::commit_with_retries(std::span<Change> changes) {
    for (int tried = 1;; ++tried) {
        auto done = attempt(changes);
        is_about_a_change_ = done.is_about_a_change;
        if (done.in_doubt != 0) {
            const auto stored = primary_.was_committed(done.in_doubt, options_.doubt_max);
            if (!stored) return stored.error();
            if (*stored) return {};
            done.again = true;
        }
        if (done.outcome || !done.again || tried == attempts_max) return done.outcome;
    }
}

ChangeQueue::Attempt ChangeQueue::attempt(std::span<Change> changes) {
    Attempt result;
    auto lease = primary_.take();
    if (!lease) {
        result.outcome = lease.error();
        return result;
    }
    auto& connection = **lease;
    auto transaction = Transaction::begin(connection);
    if (transaction) {
        result.outcome = apply(*transaction, changes);
        if (result.outcome) {
            result.outcome = transaction->commit();
            if (!result.outcome && !connection.usable()) result.in_doubt = transaction->id();
        }
    } else {
        result.outcome = transaction.error();
    }
    if (!result.outcome) {
        const auto code = result.outcome.error().code;
        const bool lost = !connection.usable() && code != Errc::timed_out;
        // Instances that give the same ids in other orders wait for each other in a circle.
        if (names_ && connection.is_worth_another_try()) names_->leave_node();
        result.again = lost || connection.is_worth_another_try();
        result.is_about_a_change =
            connection.usable() && code != Errc::unavailable && code != Errc::timed_out;
    }
    return result;
}

Result<void> ChangeQueue::apply(Transaction& transaction, std::span<Change> changes) {
    if (creation_of(changes.front()) != nullptr) {
        if (!names_) {
            // A clock that was set back must not give an id of a removed link again.
            const auto greatest = greatest_id(transaction);
            if (!greatest) return greatest.error();
            names_.emplace(options_.node, *greatest);
        }
        return store(transaction, all_as<Creation>(changes), *names_, options_.note);
    }
    if (auto done = alter(transaction, all_as<Alteration>(changes), options_.note); !done) {
        return done;
    }
    if (monotonic_ns() - pruned_at_ns_ < prune_period_ns) return {};
    pruned_at_ns_ = monotonic_ns();
    return prune_tombstones(transaction);
}

void ChangeQueue::finish(Change& change, const Result<void>& outcome) {
    if (!outcome) {
        std::visit([&](auto& what) { what.done(outcome.error()); }, change);
    } else {
        std::visit([&](auto& what) { finish(what); }, change);
    }
}

void ChangeQueue::finish(Creation& creation) {
    std::vector<Result<links::Link>> results;
    results.reserve(creation.answered);
    for (std::size_t i = 0; i < creation.answered; ++i) {
        auto& item = creation.links[i];
        if (item.stored) {
            for (auto* observer : observers_) observer->link_created(item.link);
            results.emplace_back(std::move(item.link));
        } else {
            results.emplace_back(
                error(Errc::conflict, "code \"" + item.link.code + "\" is taken (choose another)"));
        }
    }
    creation.done(std::move(results));
}

void ChangeQueue::finish(Alteration& alteration) {
    if (alteration.result) {
        for (auto* observer : observers_) {
            if (alteration.patch) {
                observer->link_changed(*alteration.result);
            } else {
                observer->link_removed(alteration.code, alteration.result->version);
            }
        }
    }
    alteration.done(std::move(alteration.result));
}

}  // namespace qck::postgres
