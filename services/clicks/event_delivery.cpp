#include "services/clicks/event_delivery.hpp"

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/whole_file.hpp"
#include "services/clicks/event_shipper.hpp"
#include "services/clicks/owed_records.hpp"
#include "services/clicks/retry_pause.hpp"
#include "services/clicks/segment_retention.hpp"

namespace qck::clicks {

class EventStateFile final : public StateFile {
public:
    explicit EventStateFile(std::filesystem::path path) : path_(std::move(path)) {}

    Result<std::optional<std::string>> load() override {
        std::error_code failed;
        std::filesystem::create_directories(path_.parent_path(), failed);
        if (failed) return io_error("cannot make " + path_.parent_path().string(), failed.value());
        std::ifstream file(path_, std::ios::binary);
        if (!file) return std::optional<std::string>();
        return std::optional(std::string(std::istreambuf_iterator<char>(file), {}));
    }
    Result<void> save(const std::string& text) override {
        return write_whole_file(path_.string(), text);
    }
    std::string name() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

namespace {

/// Who waits for what cannot be delivered at present has it looked for so often.
constexpr std::chrono::milliseconds hurry_every{10};
constexpr std::size_t remembered_links_max = 200'000;

Cursor writer_at(const Journal& journal, std::uint16_t shard) {
    const std::uint32_t epoch = journal.directory().identity().epoch;
    if (shard >= journal.shards()) return {epoch, 0, 0};
    const std::uint64_t position = journal.shard(shard).appended_position();
    const std::uint64_t segment_bytes = journal.config().segment_bytes;
    return {epoch, static_cast<std::uint32_t>(position / segment_bytes),
            static_cast<std::uint32_t>(position % segment_bytes)};
}

JournalEventSource::Options source_options(const Journal& journal, PlaceLookup place) {
    return {journal.directory().journal(), journal.directory().identity().node, journal.shards(),
            [&journal](std::uint16_t shard) { return writer_at(journal, shard); },
            std::move(place)};
}

ShipperConfig shipper_config(const Journal& journal, const EventDeliveryConfig& config) {
    ShipperConfig shipper;
    shipper.node = journal.directory().identity().node;
    shipper.rows_max = config.rows_max;
    shipper.age_max = config.age_max;
    if (config.deferred_links) {
        shipper.deferred_links = [links = config.deferred_links] {
            auto sorted = links();
            std::sort(sorted.begin(), sorted.end());
            return sorted;
        };
    }
    if (config.resolve) {
        shipper.resolve_links = [resolve = remembering(config.resolve, remembered_links_max)](
                                    EventBatch& batch) { batch.links = resolve(batch.link_ids); };
    }
    return shipper;
}

}  // namespace

/// What the thread does and shares.
class EventDelivery::Loop {
public:
    Loop(Journal& journal, EventSink& sink, EventDeliveryConfig config)
        : journal_(journal),
          sink_(sink),
          config_(std::move(config)),
          file_(journal.directory().path() / "delivery" / (std::string(sink.name()) + ".cursor")),
          source_(source_options(journal, config_.place)),
          shipper_(source_, sink, file_, shipper_config(journal, config_)),
          random_(static_cast<std::uint64_t>(wall_ns())),
          all_acknowledged_ns_(monotonic_ns()) {}
    ~Loop() { stop(std::chrono::milliseconds(0)); }

    Result<void> start() {
        if (auto loaded = shipper_.load(); !loaded) {
            return error(loaded.error().code,
                         "cannot use " + file_.name() + ": " + loaded.error().message +
                             " (move it away to send everything that the journal has again)");
        }
        publish();
        thread_ = std::thread([this] { run(); });
        return {};
    }

    void stop(std::chrono::milliseconds deadline) {
        if (!thread_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            stop_by_ns_ = monotonic_ns() + std::chrono::nanoseconds(deadline).count();
        }
        wake_.notify_all();
        thread_.join();
    }

    bool flush(std::chrono::milliseconds deadline) {
        std::vector<ProducerCursor> until;
        for (const std::uint16_t shard : source_.shards()) {
            until.push_back({shard, source_.end(shard)});
        }
        std::unique_lock lock(mutex_);
        return stepped_.wait_for(lock, deadline, [&] { return has_until(until); });
    }
    bool delivered_until(const std::vector<ProducerCursor>& until) {
        const std::lock_guard lock(mutex_);
        return has_until(until);
    }

    void resend_all() {
        const std::lock_guard lock(mutex_);
        resend_asked_ = true;
        figures_.resending = true;
        wake_.notify_all();
    }

    std::vector<ProducerCursor> cursors() const {
        const std::lock_guard lock(mutex_);
        return needed_;
    }
    std::vector<std::uint64_t> held_back() const {
        const std::lock_guard lock(mutex_);
        return held_back_;
    }
    EventDeliveryFigures figures() {
        const std::lock_guard lock(mutex_);
        auto figures = figures_;
        figures.clicks_pending = pending_before_;
        for (const std::uint16_t shard : source_.shards()) {
            const Cursor end = source_.end(shard);
            const Cursor from = std::max(cursor_of(acknowledged_, shard), {end.epoch, 0, 0});
            figures.clicks_pending += about({shard, from, end});
        }
        figures.lag_seconds = static_cast<double>(monotonic_ns() - all_acknowledged_ns_) / 1e9;
        return figures;
    }

private:
    std::uint64_t about(const Stretch& stretch) const {
        return about_clicks(journal_.directory().journal(), journal_.config().segment_bytes,
                            stretch);
    }
    /// What is deferred, and what is left of epochs before this one.
    std::uint64_t pending_before() {
        const DeliveryState& state = shipper_.state();
        std::uint64_t clicks = about_clicks(journal_.directory().journal(),
                                            journal_.config().segment_bytes, state.deferred());
        for (const std::uint16_t shard : source_.shards()) {
            const Cursor begin{source_.end(shard).epoch, 0, 0};
            clicks += about({shard, state.cursor(shard), begin});
        }
        return clicks;
    }

    /// With mutex_ held. While it has not, young rows are sent, too.
    bool has_until(const std::vector<ProducerCursor>& until) {
        const auto& shards = source_.shards();
        const bool reached =
            !figures_.resending &&
            std::all_of(until.begin(), until.end(), [&](const ProducerCursor& cursor) {
                // Of a shard without a file there is nothing to deliver.
                return std::find(shards.begin(), shards.end(), cursor.shard) == shards.end() ||
                       !(cursor_of(acknowledged_, cursor.shard) < cursor.at);
            });
        if (reached) return true;
        hurry_asked_ = true;
        wake_.notify_all();
        return false;
    }

    void run() {
        name_thread("qck-events");
        while (true) {
            bool hurried = false;
            {
                const std::lock_guard lock(mutex_);
                const bool under_way = shipper_.state().next() == DeliveryState::Step::await;
                if (stopping_ && !under_way && (monotonic_ns() >= stop_by_ns_ || drained_)) break;
                hurried = std::exchange(hurry_asked_, false) || stopping_;
                if (hurried) shipper_.hurry();
                if (std::exchange(resend_asked_, false)) shipper_.resend_all();
            }
            const auto did = shipper_.step(monotonic_ns());
            if (!did) {
                failed(did.error());
            } else if (retry_ns_ != 0 && *did == EventShipper::Did::something &&
                       shipper_.state().next() == DeliveryState::Step::seal) {
                recovered();
            }
            after_step(did && *did == EventShipper::Did::nothing, hurried);
        }
    }

    /// `idle`: it found nothing to do; `hurried`: nor would it if it was hurried again at once.
    void after_step(bool idle, bool hurried) {
        const bool caught_up = idle && shipper_.caught_up();
        publish();
        std::unique_lock lock(mutex_);
        if (caught_up) {
            all_acknowledged_ns_ = monotonic_ns();
            drained_ = stopping_;
        }
        stepped_.notify_all();
        if (retry_wait_ns_ != 0) {
            const auto wait = std::chrono::nanoseconds(std::exchange(retry_wait_ns_, 0));
            const bool stopping = stopping_;
            wake_.wait_for(
                lock,
                stopping ? std::min<std::chrono::nanoseconds>(wait, std::chrono::milliseconds(50))
                         : wait,
                [&] { return stopping_ != stopping; });
        } else if (idle && !drained_) {
            const bool stopping = stopping_;
            wake_.wait_for(
                lock, hurried ? std::min(config_.poll_every, hurry_every) : config_.poll_every,
                [&] {
                    return stopping_ != stopping || resend_asked_ || (hurry_asked_ && !hurried);
                });
        }
    }

    void failed(const Error& failure) {
        failing_ = failure.message;
        if (retry_ns_ == 0) {
            log::warn("event_delivery_failed",
                      {{"sink", sink_.name()}, {"error", failure.message}});
        }
        retry_ns_ = retry_pause_ns(retry_ns_);
        const double share = 0.5 + 0.5 * random_.next_share();
        retry_wait_ns_ = static_cast<std::int64_t>(share * static_cast<double>(retry_ns_));
        retry_at_ns_ = monotonic_ns() + retry_wait_ns_;
    }
    void recovered() {
        retry_ns_ = retry_at_ns_ = 0;
        failing_.clear();
        log::info("event_delivery_recovered", {{"sink", sink_.name()}});
    }

    /// Copies for other threads.
    void publish() {
        const ShipperFigures& now = shipper_.figures();
        // Not before the file says so: after a crash reading begins where the file says.
        const bool saved = !shipper_.state().unsaved();
        std::vector<std::uint64_t> held_back;
        for (const DeferredStretch& owed : shipper_.state().deferred()) {
            held_back.push_back(owed.link_id);
        }
        std::sort(held_back.begin(), held_back.end());
        held_back.erase(std::unique(held_back.begin(), held_back.end()), held_back.end());
        const std::uint64_t pending = pending_before();
        const std::lock_guard lock(mutex_);
        held_back_ = std::move(held_back);
        if (saved) {
            pending_before_ = pending;
            needed_ = shipper_.state().needed();
            acknowledged_ = needed_;
            for (auto& each : acknowledged_) each.at = shipper_.state().cursor(each.shard);
        }
        figures_ = {now.rows,
                    now.batches,
                    now.failures,
                    now.asks,
                    now.rows_found_there,
                    shipper_.state().deferred().size(),
                    0,
                    0,
                    resend_asked_ || shipper_.resending(),
                    failing_,
                    retry_at_ns_};
    }

    const Journal& journal_;
    EventSink& sink_;
    const EventDeliveryConfig config_;
    EventStateFile file_;
    JournalEventSource source_;
    EventShipper shipper_;
    SplitMix64 random_;
    std::int64_t retry_ns_ = 0;       ///< the present back-off; 0 when the sink is well
    std::int64_t retry_wait_ns_ = 0;  ///< to be waited now
    std::int64_t retry_at_ns_ = 0;    ///< the end of that wait; 0 when the sink is well
    std::string failing_;             ///< why; while retry_ns_ is not 0

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable stepped_;
    std::vector<ProducerCursor> needed_;  ///< guarded by mutex_, as all that follows
    std::vector<ProducerCursor> acknowledged_;
    std::vector<std::uint64_t> held_back_;
    std::uint64_t pending_before_ = 0;
    EventDeliveryFigures figures_;
    std::int64_t all_acknowledged_ns_;
    bool hurry_asked_ = false;
    bool resend_asked_ = false;
    bool stopping_ = false;
    bool drained_ = false;
    std::int64_t stop_by_ns_ = 0;
    std::thread thread_;
};

EventDelivery::EventDelivery(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
EventDelivery::~EventDelivery() { stop(); }

Result<std::unique_ptr<EventDelivery>> EventDelivery::start(Journal& journal, EventSink& sink,
                                                            EventDeliveryConfig config) {
    auto loop = std::make_unique<Loop>(journal, sink, std::move(config));
    if (auto started = loop->start(); !started) return started.error();
    return std::unique_ptr<EventDelivery>(new EventDelivery(std::move(loop)));
}

void EventDelivery::stop(std::chrono::milliseconds deadline) { loop_->stop(deadline); }
bool EventDelivery::flush(std::chrono::milliseconds deadline) { return loop_->flush(deadline); }
bool EventDelivery::delivered_until(const std::vector<ProducerCursor>& until) {
    return loop_->delivered_until(until);
}
std::vector<ProducerCursor> EventDelivery::cursors() const { return loop_->cursors(); }
std::vector<std::uint64_t> EventDelivery::held_back() const { return loop_->held_back(); }
void EventDelivery::resend_all() { loop_->resend_all(); }
EventDeliveryFigures EventDelivery::figures() const { return loop_->figures(); }

LinkResolver remembering(LinkResolver resolve, std::size_t links_max) {
    struct Memory {
        std::unordered_map<std::uint64_t, LinkFacts> links;
    };
    auto memory = std::make_shared<Memory>();
    return [resolve = std::move(resolve), links_max, memory](std::span<const std::uint64_t> ids) {
        auto& known = memory->links;
        std::vector<LinkFacts> facts(ids.size());
        std::vector<std::uint64_t> unknown;
        std::vector<std::size_t> places;
        for (std::size_t n = 0; n < ids.size(); ++n) {
            const auto found = known.find(ids[n]);
            if (found != known.end()) {
                facts[n] = found->second;
            } else if (ids[n] != 0) {
                unknown.push_back(ids[n]);
                places.push_back(n);
            }
        }
        if (unknown.empty()) return facts;
        auto answers = resolve(unknown);
        answers.resize(unknown.size());
        // Rarely, and then all: what is in use comes back with the next batches.
        if (known.size() + unknown.size() > links_max) known.clear();
        for (std::size_t n = 0; n < unknown.size(); ++n) {
            if (!answers[n].code.empty() && known.size() < links_max)
                known[unknown[n]] = answers[n];
            facts[places[n]] = std::move(answers[n]);
        }
        return facts;
    };
}

}  // namespace qck::clicks
