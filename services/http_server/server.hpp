#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/http/serializer.hpp"
#include "base/net/fd.hpp"
#include "base/net/reactor.hpp"
#include "base/net/tls.hpp"
#include "services/http_server/config.hpp"
#include "services/http_server/counters.hpp"
#include "services/http_server/exchange.hpp"
#include "services/http_server/session.hpp"

namespace qck::http_server {

/// One listener on one reactor: accepts connections and owns their sessions.
/// Everything but counters() belongs to the reactor's thread.
class Server final : public net::EventHandler {
public:
    /// `handler`, `tls` (null for plain text) and `gate` (null for none) outlive the server.
    Server(net::Reactor& reactor, net::Fd listener, Handler& handler, const ServerConfig& config,
           const net::TlsServerContext* tls = nullptr, OutputGate* gate = nullptr);
    ~Server() override;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    Result<void> start();
    /// Stops accepting; connections close as their requests are answered, also those that the
    /// kernel had accepted and this server had not taken yet.
    void drain();
    /// drain() has run and the last connection has ended. Any thread may ask.
    bool drained() const {
        return accepted_all_.load(std::memory_order_acquire) &&
               counters_.connections_open.value() == 0;
    }
    void close_all();
    /// What was marked up to `mark` is durable.
    void gate_opened(std::uint64_t mark);
    /// Of bodies that are still coming.
    std::size_t body_bytes() const { return body_bytes_; }
    const ServerCounters& counters() const { return counters_; }

    void on_events(std::uint32_t events) override;

private:
    friend class Session;
    friend class Exchange;
    friend struct PendingReply::Channel;

    struct Held {
        std::uint64_t mark;
        std::uint32_t slot;
        std::uint64_t generation;
    };

    /// Takes up to `count_max` connections that wait; false when descriptors ran out.
    bool accept_waiting(int count_max);
    void accept_one(net::Fd fd, const net::Address& peer);
    void pause_accepting();
    void go_on_accepting();
    /// Calls Session::go_on() in the next batch.
    void go_on_later(const Session& session);
    Session* find(std::uint32_t slot, std::uint64_t generation);
    Session* find_waiting(std::uint32_t slot, std::uint64_t generation);
    void forget(Session& session);
    void sweep();

    net::Reactor& reactor_;
    net::Fd listener_;
    Handler& handler_;
    ServerConfig config_;
    const net::TlsServerContext* tls_;
    OutputGate* gate_;
    ServerCounters counters_;
    std::shared_ptr<PendingReply::Channel> channel_;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<std::unique_ptr<Session>>
        finished_;                ///< destroyed after the batch that closed them
    std::deque<Held> held_;       ///< marks ascend
    std::size_t body_bytes_ = 0;  ///< of all bodies that are still coming
    std::uint64_t last_generation_ = 0;
    net::Reactor::TimerId sweep_timer_ = 0;
    net::Reactor::TimerId accept_timer_ = 0;
    std::int64_t pause_told_ns_ = 0;
    bool draining_ = false;
    std::atomic<bool> accepted_all_{false};  ///< nothing comes any more: see drain()
    std::size_t input_bytes_;
    std::unique_ptr<char[]> input_;               ///< one connection is read at a time
    Output output_;                               ///< and its answers gathered
    std::string head_;                            ///< of the response being written
    std::vector<http::HeaderField> head_fields_;  ///< of it; views, cleared before each use
    http::HttpDate date_;
};

}  // namespace qck::http_server
