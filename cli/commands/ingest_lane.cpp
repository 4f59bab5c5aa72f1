#include "cli/commands/ingest_lane.hpp"

#include <utility>

#include "services/clicks/journal_scan.hpp"

namespace qck::commands {

Result<std::unique_ptr<IngestLane>> IngestLane::open(const Config& config, const Parts& parts) {
    const clicks::DataDirectory& directory = parts.journal.directory();
    std::unique_ptr<IngestLane> lane(new IngestLane(config, directory.identity().ip_key));
    const auto scanned = clicks::scan_keys(
        directory.path(), [&](const clicks::EventKey& key, std::int64_t /*time_ms*/) {
            lane->keys_.reserve(1);
            lane->keys_.insert(key);
        });
    if (!scanned) return scanned.error();

    auto listeners = net::listen_on(config.address, 1);
    if (!listeners) return listeners.error();
    auto address = net::local_address(listeners->front().get());
    if (!address) return address.error();
    lane->address_ = *address;
    auto thread = ReactorThread::create("qck-ingest", -1);
    if (!thread) return thread.error();
    lane->thread_ = std::move(*thread);

    clicks::JournalShard& shard = parts.journal.shard(parts.shard);
    lane->handler_ = std::make_unique<ingest::IngestHandler>(
        config.handler,
        ingest::IngestHandler::Parts{
            shard, [&counting = parts.counting] { return counting.figures().lag_records; },
            parts.links, lane->keys_, lane->hasher_});
    if (parts.syncer != nullptr) lane->gate_ = std::make_unique<JournalGate>(shard, *parts.syncer);
    lane->server_ = std::make_unique<http_server::Server>(
        lane->reactor(), std::move(listeners->front()), *lane->handler_, config.server, nullptr,
        lane->gate_.get());
    if (auto started = lane->server_->start(); !started) return started.error();
    return lane;
}

IngestLane::~IngestLane() {
    if (thread_) thread_->stop();
}

void IngestLane::set_durable(std::uint64_t position) {
    reactor().post([this, position] {
        gate_->set_durable(position);
        server_->gate_opened(position);
    });
}

}  // namespace qck::commands
