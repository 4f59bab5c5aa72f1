#include "services/stores/postgres/connection.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <pqxx/pqxx>
#include <string_view>
#include <utility>

// libpqxx 7.10 names exec_params and make_dynamic_params deprecated, 6.4 has nothing else.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace qck::postgres {
namespace {

/// `url` with what it does not say itself.
std::string with_defaults(const std::string& url, std::chrono::milliseconds connect_timeout) {
    const auto seconds = std::max<std::int64_t>(2, (connect_timeout.count() + 999) / 1000);
    const std::pair<const char*, std::string> defaults[] = {
        {"connect_timeout", std::to_string(seconds)},
        {"application_name", "qck"},
        {"client_encoding", "UTF8"},
        // A server whose machine is gone is noticed between calls as well.
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
    };
    std::string result = url;
    for (const auto& [name, value] : defaults) {
        if (url.find(std::string(name) + "=") != std::string::npos) continue;
        if (is_url(url)) {
            result += result.find('?') == std::string::npos ? '?' : '&';
        } else {
            result += ' ';
        }
        result += std::string(name) + "=" + value;
    }
    return result;
}

/// The first line, without the level before it.
std::string one_line(std::string_view text) {
    for (const std::string_view level : {"ERROR:  ", "FATAL:  "}) {
        if (text.starts_with(level)) text.remove_prefix(level.size());
    }
    return std::string(text.substr(0, text.find('\n')));
}

bool begins_with_any(const std::string& sqlstate, std::initializer_list<const char*> classes) {
    return std::any_of(classes.begin(), classes.end(),
                       [&](const char* begin) { return sqlstate.starts_with(begin); });
}

/// The server goes away, has no room, or has become a replica: another connection may do better.
bool is_out_of_service(const std::string& sqlstate) {
    return begins_with_any(sqlstate, {"08", "53", "57P", "25006"});
}

Errc code_of(const std::string& sqlstate) {
    if (is_out_of_service(sqlstate) || begins_with_any(sqlstate, {"40"})) return Errc::unavailable;
    if (begins_with_any(sqlstate, {"57014", "55P03"})) return Errc::timed_out;
    if (begins_with_any(sqlstate, {"23"})) return Errc::conflict;
    if (begins_with_any(sqlstate, {"22"})) return Errc::invalid_argument;
    if (begins_with_any(sqlstate, {"28", "42501"})) return Errc::permission;
    if (begins_with_any(sqlstate, {"42P01", "42703", "3F000"})) return Errc::unavailable;
    return Errc::internal;
}

const char* advice_for(const std::string& sqlstate) {
    if (begins_with_any(sqlstate, {"42P01", "42703", "3F000"})) {
        return " (is the schema there? run qck init --postgres URL)";
    }
    if (begins_with_any(sqlstate, {"25006"})) return " (is this the primary? see --postgres)";
    return "";
}

}  // namespace

struct Connection::Session {
    explicit Session(const std::string& options) : pqxx(options) {
#if PQXX_VERSION_MAJOR < 7
        // A lost connection must be seen, not silently replaced in the middle of a transaction.
        pqxx.inhibit_reactivation(true);
#endif
    }
    pqxx::connection pqxx;
};

Connection::Connection(std::unique_ptr<Session> session, net::Fd socket, std::string shown,
                       CallDeadlines& deadlines)
    : session_(std::move(session)),
      socket_(std::move(socket)),
      shown_(std::move(shown)),
      deadlines_(deadlines) {}

Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(const std::string& url,
                                                     std::chrono::milliseconds connect_timeout,
                                                     CallDeadlines& deadlines) {
    const auto shown = shown_url(url);
    if (auto checked = check_url(url); !checked) return checked.error();
    try {
        auto session = std::make_unique<Session>(with_defaults(url, connect_timeout));
        net::Fd socket(::fcntl(session->pqxx.sock(), F_DUPFD_CLOEXEC, 0));
        if (socket.get() < 0) return io_error("cannot connect to " + shown, errno);
        return std::unique_ptr<Connection>(
            new Connection(std::move(session), std::move(socket), shown, deadlines));
    } catch (const std::exception& failure) {
        return error(Errc::unavailable, "cannot connect to " + shown + ": " +
                                            one_line(failure.what()) +
                                            " (is it running? see --postgres)");
    }
}

bool Connection::usable() const { return !cut_ && session_->pqxx.is_open(); }

bool Connection::is_worth_another_try() const {
    return begins_with_any(sqlstate_, {"40001", "40P01"});
}

Error Connection::lost(bool expired, const char* what) {
    cut_ = true;
    sqlstate_.clear();
    if (expired) {
        return error(Errc::timed_out,
                     shown_ + " did not answer within " + std::to_string(timeout_.count()) + " ms");
    }
    return error(Errc::unavailable, "lost the connection to " + shown_ + ": " + one_line(what));
}

template <class Call>
Result<Rows> Connection::bounded(Call call) {
    if (!usable()) return lost(false, "it was closed");
    const CallDeadlines::Watch watch(deadlines_, socket_.get(), timeout_);
    try {
        pqxx::nontransaction statements(session_->pqxx);
        return Rows(call(statements));
    } catch (const pqxx::sql_error& failure) {
        if (watch.expired() || !session_->pqxx.is_open()) {
            return lost(watch.expired(), failure.what());
        }
        sqlstate_ = failure.sqlstate();
        if (is_out_of_service(sqlstate_)) cut_ = true;
        return error(code_of(sqlstate_),
                     shown_ + ": " + one_line(failure.what()) + advice_for(sqlstate_));
    } catch (const std::exception& failure) {
        return lost(watch.expired(), failure.what());
    }
}

Result<Rows> Connection::query(const char* sql, const Parameters& parameters) {
    return bounded([&](pqxx::nontransaction& statements) {
#if PQXX_VERSION_MAJOR < 7
        std::vector<const char*> values;
        values.reserve(parameters.values().size());
        for (const auto& value : parameters.values()) {
            values.push_back(value ? value->c_str() : nullptr);
        }
        return statements.exec_params(sql, pqxx::prepare::make_dynamic_params(values));
#else
        pqxx::params values;
        for (const auto& value : parameters.values()) {
            if (value) {
                values.append(*value);
            } else {
                values.append();
            }
        }
        return statements.exec_params(sql, values);
#endif
    });
}

Result<Rows> Connection::execute(const char* sql) {
    return bounded([&](pqxx::nontransaction& statements) { return statements.exec(sql); });
}

Result<Transaction> Transaction::begin(Connection& connection) {
    // SET LOCAL ends with the transaction, so PgBouncer may give the session to anybody. The server
    // gives up first: it then tells so, and nothing of it runs on unseen.
    const auto timeout = std::max<std::int64_t>(connection.timeout().count() * 9 / 10, 1);
    const std::string sql = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = " +
                            std::to_string(timeout) + "; SELECT txid_current()";
    auto begun = connection.execute(sql.c_str());
    if (!begun) {
        if (connection.usable()) (void)connection.execute("ROLLBACK");
        return begun.error();
    }
    return Transaction(connection, begun->integer(0, 0));
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), id_(other.id_) {}

Transaction::~Transaction() {
    if (connection_ != nullptr && connection_->usable()) (void)connection_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
    Connection& connection = *std::exchange(connection_, nullptr);
    auto done = connection.execute("COMMIT");
    if (!done) return done.error();
    return {};
}

}  // namespace qck::postgres
