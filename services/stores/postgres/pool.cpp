#include "services/stores/postgres/pool.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/clock.hpp"

namespace qck::postgres {

Pool::Pool(PoolOptions options)
    : options_(std::move(options)), jitter_(static_cast<std::uint64_t>(monotonic_ns())) {}

Pool::Lease::~Lease() {
    if (connection_) pool_->give_back(std::move(connection_));
}

Result<Pool::Lease> Pool::take() {
    const auto deadline = Clock::now() + options_.queue_timeout;
    std::unique_lock lock(mutex_);
    while (true) {
        if (!idle_.empty()) {
            auto connection = std::move(idle_.back());
            idle_.pop_back();
            connection->set_timeout(options_.statement_timeout);
            return Lease(*this, std::move(connection), true);
        }
        if (failed_in_a_row_ > 0 && (trying_ || Clock::now() < refused_until_)) return last_error_;
        if (open_ < options_.connections_max) return connect(lock);
        if (free_.wait_until(lock, deadline) == std::cv_status::timeout) {
            return error(Errc::unavailable, "all " + std::to_string(options_.connections_max) +
                                                " connections to " + shown_url(options_.url) +
                                                " are busy (try again in a second)");
        }
    }
}

Result<Pool::Lease> Pool::connect(std::unique_lock<std::mutex>& lock) {
    ++open_;
    trying_ = true;
    const bool unchecked = options_.check && !checked_;
    lock.unlock();
    auto connection = Connection::open(options_.url, options_.connect_timeout, deadlines_);
    if (connection && unchecked) {
        (*connection)->set_timeout(options_.statement_timeout);
        if (const auto passed = options_.check(**connection); !passed) connection = passed.error();
    }
    lock.lock();
    trying_ = false;
    checked_ = checked_ || (connection && unchecked);
    if (!connection) {
        --open_;
        refuse_for_a_while(connection.error());
        free_.notify_all();
        return connection.error();
    }
    failed_in_a_row_ = 0;
    (*connection)->set_timeout(options_.statement_timeout);
    return Lease(*this, std::move(*connection), false);
}

void Pool::refuse_for_a_while(const Error& reason) {
    ++failures_;
    last_error_ = reason;
    const auto doubled = std::min<std::size_t>(failed_in_a_row_++, 16);
    const auto longest = std::min(options_.back_off_max, options_.back_off_min * (1 << doubled));
    const auto share = 1.0 - jitter_.next_share() / 2;
    refused_until_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(longest * share);
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
    std::vector<std::unique_ptr<Connection>> dropped;  // closed outside of the lock
    {
        const std::lock_guard lock(mutex_);
        if (connection->usable()) {
            idle_.push_back(std::move(connection));
        } else {
            // What cut this one has most likely cut the idle ones too.
            dropped.swap(idle_);
            dropped.push_back(std::move(connection));
            open_ -= dropped.size();
        }
    }
    if (dropped.empty()) {
        free_.notify_one();
    } else {
        free_.notify_all();
    }
}

std::uint64_t Pool::failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
}

Result<bool> Pool::was_committed(std::int64_t transaction_id, std::chrono::milliseconds patience) {
    constexpr std::chrono::milliseconds pause{50};
    const auto deadline = Clock::now() + patience;
    while (true) {
        auto status = with([&](Connection& connection) {
            return connection.query("SELECT txid_status($1::bigint)",
                                    Parameters().add(transaction_id));
        });
        if (status && status->size() == 1 && !status->is_null(0, 0)) {
            if (status->text(0, 0) == "committed") return true;
            if (status->text(0, 0) == "aborted") return false;
        }
        const bool may_change = status || status.error().code == Errc::unavailable ||
                                status.error().code == Errc::timed_out;
        if (!may_change || Clock::now() >= deadline) {
            return error(Errc::timed_out, "nobody knows whether " + shown_url(options_.url) +
                                              " stored the change (look before you try again)");
        }
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace qck::postgres
