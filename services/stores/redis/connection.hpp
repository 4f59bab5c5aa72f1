#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/stores/redis/client_config.hpp"
#include "services/stores/redis/protocol/back_off.hpp"
#include "services/stores/redis/request.hpp"
#include "services/stores/redis/resolver.hpp"
#include "services/stores/redis/ring_queue.hpp"
#include "services/stores/redis/transport.hpp"

namespace qck::redis {

class Connection;

/// Told what happens to a Connection. A connection is not destroyed from these.
class ConnectionOwner {
public:
    virtual ~ConnectionOwner() = default;
    /// It is about to connect: answer, now or later, with connect_to() or fail_attempt().
    virtual void on_attempt(Connection& connection) = 0;
    /// Connected and greeted: what waits is sent.
    virtual void on_ready(Connection& connection) = 0;
    virtual void on_reply(Connection& connection, Request&& request, Reply&& reply) = 0;
    /// A reply that nobody asked for: a message of a subscription.
    virtual void on_pushed(Connection&, Reply&&) {}
    /// No reply by its deadline. It may still be carried out.
    virtual void on_overdue(Connection& connection, Request&& request, Error why) = 0;
    /// Lost, or not made; it tries again by itself after a pause. `written` may or may not have
    /// been carried out; `unwritten` have not.
    virtual void on_lost(Connection& connection, const Error& why, std::vector<Request> written,
                         std::vector<Request> unwritten) = 0;
};

/// What a connection says before its first command.
struct Greeting {
    std::string user;
    std::string password;  ///< empty: no AUTH
    std::uint32_t db = 0;
    bool read_only = false;       ///< to a replica of a cluster: READONLY
    bool must_be_master = false;  ///< ROLE must say so
    /// It may be a server that has no passwords: what it says after AUTH decides.
    bool auth_may_be_refused = false;
};

/// The one pipelined connection to a server, made again, after a pause, whenever it is lost.
///
/// What is submitted is written at the next flush() in one send for all, and answered in order.
/// One thread: the reactor's.
class Connection : private TransportOwner {
public:
    enum class State : std::uint8_t {
        idle,        ///< before start(), after stop()
        connecting,  ///< for the first time, or the first time since it was lost
        ready,
        down,  ///< the last try failed; the next is under way or due
    };

    Connection(net::Reactor& reactor, Resolver& resolver, const ClientConfig& config,
               const net::TlsClientContext* tls, Greeting greeting, ConnectionOwner& owner,
               std::uint64_t seed);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start();
    /// Nothing more is told; returns what was under way and what waited.
    std::vector<Request> stop();
    /// Gives up what there is and connects again, at once when it was ready.
    void drop(const Error& why);

    void connect_to(const Endpoint& endpoint);
    void fail_attempt(const Error& why);

    void submit(Request&& request) { waiting_.push(std::move(request)); }
    /// Writes what waits, if it is ready.
    void flush();
    /// Tells the owner what is overdue. Drops the connection when the server has been silent for a
    /// whole timeout though something was asked.
    void expire(std::int64_t now_ns);
    /// Writes a command whose replies, if any, are pushed. For subscriptions.
    void say(const Command& command);

    State state() const { return state_; }
    const Endpoint& endpoint() const { return endpoint_; }
    /// Why the last try failed or the connection was lost; empty when there was none.
    const std::string& trouble() const { return trouble_; }
    /// Nothing waits and nothing is under way.
    bool is_quiet() const { return waiting_.empty() && sent_.empty(); }
    /// When bytes came last (CLOCK_MONOTONIC).
    std::int64_t heard_ns() const { return heard_ns_; }

private:
    void on_connected() override;
    void on_bytes(std::string_view bytes) override;
    void on_drained() override { flush(); }
    void on_closed(const Error& why) override { lose(why); }

    void begin_attempt();
    void on_greeting_reply(Reply&& reply);
    void greeted();
    void lose(const Error& why);
    void write_one(Request&& request);

    net::Reactor& reactor_;
    Resolver& resolver_;
    const ClientConfig& config_;
    const net::TlsClientContext* tls_;
    const Greeting greeting_;
    ConnectionOwner& owner_;
    Transport transport_;
    ReplyReader reader_;
    BackOff back_off_;
    Endpoint endpoint_;
    State state_ = State::idle;
    std::string trouble_;
    std::uint64_t attempt_ = 0;  ///< answers to earlier attempts are ignored
    bool attempt_open_ = false;  ///< on_attempt() waits for its answer
    unsigned greetings_awaited_ = 0;
    bool awaits_auth_ = false;
    net::Reactor::TimerId timer_ = 0;  ///< of the attempt's timeout, or of the pause
    std::int64_t heard_ns_ = 0;
    RingQueue<Request> waiting_;
    RingQueue<Request> sent_;
};

}  // namespace qck::redis
