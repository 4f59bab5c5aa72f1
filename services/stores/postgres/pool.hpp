#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "services/stores/postgres/connection.hpp"

namespace qck::postgres {

struct PoolOptions {
    /// postgresql://USER:SECRET@HOST:PORT/DATABASE
    std::string url;
    std::size_t connections_max = 4;
    /// libpq counts whole seconds, 2 at least.
    std::chrono::milliseconds connect_timeout{2'000};
    /// A statement without an answer for so long ends its connection.
    std::chrono::milliseconds statement_timeout{3'000};
    /// How long a caller waits for another one to give a connection back.
    std::chrono::milliseconds queue_timeout{1'000};
    /// Between attempts to connect: doubles from min to max, less up to a half by chance, so that
    /// instances do not come back in step.
    std::chrono::milliseconds back_off_min{100};
    std::chrono::milliseconds back_off_max{5'000};
    /// Asked of each new connection until it has passed once: while it fails the connection is
    /// closed and callers are refused with its error, as by a server that is out of reach. May be
    /// empty.
    std::function<Result<void>(Connection&)> check;
};

/// Connections to one server. Opened when first needed, so a pool can be made while its server is
/// down. While the server is out of reach callers are refused at once, and one at a time tries to
/// connect. Thread-safe. Leases end before their pool.
class Pool {
public:
    explicit Pool(PoolOptions options);

    /// A connection for one caller; goes back to the pool at its end, or is closed if it was cut.
    class Lease {
    public:
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        Connection& operator*() const { return *connection_; }
        Connection* operator->() const { return connection_.get(); }
        /// It was opened before: the server may have closed it since, without its fault.
        bool was_used() const { return was_used_; }

    private:
        friend class Pool;
        Lease(Pool& pool, std::unique_ptr<Connection> connection, bool was_used)
            : pool_(&pool), connection_(std::move(connection)), was_used_(was_used) {}
        Pool* pool_;
        std::unique_ptr<Connection> connection_;
        bool was_used_;
    };
    Result<Lease> take();

    /// Gives `use` a connection and its answer to the caller; once more on another connection when
    /// the first was lost or the server asked for another try. For what may be done twice: reads.
    template <class Use>
    auto with(Use use) -> decltype(use(std::declval<Connection&>())) {
        for (int tried = 1;; ++tried) {
            auto lease = take();
            if (!lease) return lease.error();
            auto result = use(**lease);
            if (result || tried == tries_max) return result;
            const bool lost = !(*lease)->usable() && result.error().code != Errc::timed_out;
            if (!lost && !(*lease)->is_worth_another_try()) return result;
        }
    }

    /// What became of a transaction whose COMMIT was not answered: true when it is stored. Asks
    /// until there is an answer, for `patience` at most; an error means that nobody knows.
    Result<bool> was_committed(std::int64_t transaction_id, std::chrono::milliseconds patience);

    const PoolOptions& options() const { return options_; }
    /// Attempts to connect that failed, since the start.
    std::uint64_t failures() const;

private:
    static constexpr int tries_max = 2;
    using Clock = std::chrono::steady_clock;

    Result<Lease> connect(std::unique_lock<std::mutex>& lock);
    void refuse_for_a_while(const Error& reason);
    void give_back(std::unique_ptr<Connection> connection);

    PoolOptions options_;
    CallDeadlines deadlines_;
    mutable std::mutex mutex_;
    std::condition_variable free_;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::size_t open_ = 0;  ///< idle, leased and being opened
    std::size_t failed_in_a_row_ = 0;
    std::uint64_t failures_ = 0;
    bool checked_ = false;  ///< a connection passed the check
    bool trying_ = false;   ///< somebody tries to connect to a server that was out of reach
    Clock::time_point refused_until_{};
    Error last_error_;
    SplitMix64 jitter_;
};

/// Pool::with on the replica, or on the primary while the replica is out of reach. For reads that
/// may be behind. The pools may be one and the same.
template <class Use>
auto with_replica(Pool& replica, Pool& primary, Use use)
    -> decltype(use(std::declval<Connection&>())) {
    auto result = replica.with(use);
    if (result || &replica == &primary) return result;
    const auto code = result.error().code;
    if (code != Errc::unavailable && code != Errc::timed_out) return result;
    return primary.with(use);
}

}  // namespace qck::postgres
