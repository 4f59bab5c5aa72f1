#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/net/fd.hpp"
#include "services/stores/postgres/call_deadlines.hpp"
#include "services/stores/postgres/shown_url.hpp"
#include "services/stores/postgres/values.hpp"

namespace qck::postgres {

/// One connection to a server, or to PgBouncer in transaction mode: it keeps no state in the
/// session and uses no named prepared statement. Blocking, and every call is bounded in time. Not
/// thread-safe. Wraps libpqxx (6.4 and 7), whose exceptions end here.
class Connection {
public:
    /// `url`: postgresql://… or key=value words, as libpq takes them; several hosts and
    /// target_session_attrs=read-write follow a failover. `connect_timeout` counts for each
    /// address, in whole seconds, 2 at least (libpq). `deadlines` outlives the connection.
    static Result<std::unique_ptr<Connection>> open(const std::string& url,
                                                    std::chrono::milliseconds connect_timeout,
                                                    CallDeadlines& deadlines);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// One statement with parameters. Errc::timed_out or ::unavailable when the server did not
    /// answer, and then usable() is false; Errc::conflict for a violated constraint, and
    /// ::internal for a statement that the server refused.
    Result<Rows> query(const char* sql, const Parameters& parameters);
    /// Statements without parameters, with semicolons between them; the rows of the last.
    Result<Rows> execute(const char* sql);

    /// Of each call from here on.
    void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }
    std::chrono::milliseconds timeout() const { return timeout_; }
    /// False once it was cut: it is then to be thrown away.
    bool usable() const;
    /// Of the last call that failed; empty when the connection was lost.
    const std::string& sqlstate() const { return sqlstate_; }
    /// Whether the last failure may go away by doing the whole transaction again.
    bool is_worth_another_try() const;

private:
    struct Session;
    Connection(std::unique_ptr<Session> session, net::Fd socket, std::string shown,
               CallDeadlines& deadlines);
    template <class Call>
    Result<Rows> bounded(Call call);
    Error lost(bool expired, const char* what);

    std::unique_ptr<Session> session_;
    net::Fd socket_;  ///< a duplicate, for CallDeadlines
    std::string shown_;
    CallDeadlines& deadlines_;
    std::chrono::milliseconds timeout_{3'000};
    std::string sqlstate_;
    bool cut_ = false;
};

/// A transaction at READ COMMITTED; rolled back at its end unless committed.
class Transaction {
public:
    /// The server gives up a statement a little before the connection's own timeout.
    static Result<Transaction> begin(Connection& connection);
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    Result<Rows> query(const char* sql, const Parameters& parameters) {
        return connection_->query(sql, parameters);
    }
    Result<Rows> execute(const char* sql) { return connection_->execute(sql); }
    /// When it fails and the connection is not usable any more the outcome is unknown: ask for
    /// id() by txid_status().
    Result<void> commit();
    /// The server's number of this transaction.
    std::int64_t id() const { return id_; }

private:
    Transaction(Connection& connection, std::int64_t id) : connection_(&connection), id_(id) {}
    Connection* connection_;  ///< null once it ended
    std::int64_t id_;
};

}  // namespace qck::postgres
