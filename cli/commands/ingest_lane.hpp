#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/net/address.hpp"
#include "cli/commands/journal_gate.hpp"
#include "cli/commands/reactor_thread.hpp"
#include "services/clicks/click_counting.hpp"
#include "services/clicks/journal.hpp"
#include "services/http_server/server.hpp"
#include "services/ingest/ingest_handler.hpp"

namespace qck::commands {

/// The ingest listener: one reactor, a journal shard of its own, and the window of keys, which is
/// rebuilt from the journal at start.
class IngestLane {
public:
    struct Config {
        net::Address address;
        /// Keys that are remembered at least (--dedupe-events).
        std::size_t keys_max = 2'000'000;
        ingest::IngestConfig handler;
        http_server::ServerConfig server;
    };
    /// All outlive the lane.
    struct Parts {
        clicks::Journal& journal;
        std::uint16_t shard;
        clicks::ClickCounting& counting;
        links::LinkStore& links;
        clicks::DurabilitySyncer* syncer;  ///< null: answers do not wait for the disk
    };

    /// Listens, and begins to serve with start().
    static Result<std::unique_ptr<IngestLane>> open(const Config& config, const Parts& parts);
    ~IngestLane();

    void start() { thread_->start(); }
    /// Ends the reactor.
    void stop() { thread_->stop(); }
    /// The journal of the lane's shard is on the disk up to `position`. Thread-safe.
    void set_durable(std::uint64_t position);

    net::Reactor& reactor() { return thread_->reactor(); }
    http_server::Server& server() { return *server_; }
    const net::Address& address() const { return address_; }
    const ingest::IngestCounters& counters() const { return handler_->counters(); }

private:
    IngestLane(const Config& config, const clicks::IpKey& secret)
        : keys_(config.keys_max), hasher_(secret) {}

    ingest::RecentKeys keys_;
    ingest::KeyHasher hasher_;
    net::Address address_;
    std::unique_ptr<ReactorThread> thread_;
    std::unique_ptr<ingest::IngestHandler> handler_;
    std::unique_ptr<JournalGate> gate_;
    std::unique_ptr<http_server::Server> server_;
};

}  // namespace qck::commands
