// Totals reach a shared store exactly, whatever is lost, late, repeated or half done on the way:
// the real delivery over a simulated journal, store and sink.
#include "services/clicks/total_delivery.hpp"

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "base/random.hpp"
#include "services/clicks/segment_retention.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace std::chrono_literals;

namespace {

using TotalKey = std::tuple<std::uint64_t, std::uint16_t, ClickClass>;  ///< link, shard, class
using Totals = std::map<TotalKey, std::uint64_t>;

constexpr std::uint64_t node = 77;

/// A journal of records, a local store that has a prefix of it, and a sink: all as far as a
/// delivery sees them, with faults from one source of randomness.
struct World final : ClickStore, TotalSink, TouchedLinks, PositionFile {
    struct Record {
        std::uint64_t link;
        ClickClass click_class;
    };

    explicit World(std::uint64_t seed) : random(seed) {}

    std::uint64_t below(std::uint64_t bound) { return random.next() % bound; }
    bool happens(unsigned percent) { return faults && below(100) < percent; }

    // The store.
    Result<Reading<std::vector<ProducerCursor>>> cursors() override {
        return error(Errc::internal, "not asked");
    }
    Result<void> apply(const CountBatch&) override { return error(Errc::internal, "not asked"); }
    Result<void> raise(const std::vector<ProducerCursor>&, const TotalSource&, const HourSource&,
                       bool) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<ClassTotals>> link_totals(std::uint64_t) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<std::vector<HourCount>>> link_hours(std::uint64_t, std::uint32_t,
                                                       std::uint32_t) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<std::vector<EventCount>>> event_hours(std::string_view, std::uint32_t,
                                                         std::uint32_t) override {
        return error(Errc::internal, "not asked");
    }
    Result<std::vector<LinkClicks>> most_clicked(std::uint32_t, std::size_t) override {
        return error(Errc::internal, "not asked");
    }
    Result<std::vector<ProducerCursor>> each_total(
        const std::function<Result<void>(const ProducerTotal&)>&) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<std::vector<ProducerTotal>>> totals_of(
        std::span<const std::uint64_t> links) override {
        if (happens(3)) return error(Errc::unavailable, "busy");
        const std::set<std::uint64_t> wanted(links.begin(), links.end());
        Reading<std::vector<ProducerTotal>> reading{{}, revision};
        for (const auto& [key, total] : local) {
            const auto& [link, shard, click_class] = key;
            if (wanted.count(link) > 0) reading.value.push_back({link, shard, click_class, total});
        }
        return reading;
    }
    Result<Reading<std::vector<ProducerTotal>>> totals_after(std::optional<std::uint64_t> after,
                                                             std::size_t links_max) override {
        if (happens(3)) return error(Errc::unavailable, "busy");
        ++walk_parts;
        std::set<std::uint64_t> seen;
        Reading<std::vector<ProducerTotal>> reading{{}, revision};
        for (const auto& [key, total] : local) {
            const auto& [link, shard, click_class] = key;
            if (after && link <= *after) continue;
            seen.insert(link);
            if (seen.size() > links_max) break;
            reading.value.push_back({link, shard, click_class, total});
        }
        return reading;
    }

    // The sink.
    std::string_view name() const override { return "simulated"; }
    Result<Taken> deliver(std::uint64_t from, std::span<const LinkTotals> links) override {
        CHECK(from == node);
        if (happens(10)) return error(Errc::unavailable, "refused");
        std::vector<std::uint64_t> lost;
        std::size_t take = links.size();
        const bool half = happens(10);
        if (half) take = below(links.size() + 1);
        for (std::size_t i = 0; i < take; ++i) {
            bool known = false;
            for (const auto& part : links[i].parts) {
                const TotalKey key{links[i].link_id, part.shard, part.click_class};
                known = known || remote.count(key) > 0;
                remote[key] = std::max(remote[key], part.total);
            }
            if (!known && links[i].delivered_before) lost.push_back(links[i].link_id);
        }
        // A late repetition of what was sent long ago must not lower anything.
        for (const auto& [key, total] : late) remote[key] = std::max(remote[key], total);
        late.clear();
        if (happens(20)) {
            for (const auto& part : links[0].parts) {
                late[{links[0].link_id, part.shard, part.click_class}] = part.total;
            }
        }
        // A part of it may say so.
        const bool in_part = half && take > 0 && happens(50);
        if (!in_part && (half || happens(10))) return error(Errc::timed_out, "the reply was lost");
        for (const auto link : lost) {
            INFO("link " << link);
            CHECK(dropped.count(link) > 0);  // no false alarm
        }
        // Of a link that was dropped and given again nothing can be missed any more.
        for (std::size_t i = 0; i < take; ++i) {
            dropped.erase(links[i].link_id);
            untold.erase(links[i].link_id);
        }
        Taken taken{std::move(lost)};
        for (const auto& link : links.subspan(take)) taken.untaken.push_back(link.link_id);
        return taken;
    }

    Result<std::string> incarnation() override {
        if (happens(10)) return error(Errc::timed_out, "no answer");
        return std::to_string(life);
    }

    // The journal.
    Result<Found> read(const std::vector<ProducerCursor>& from,
                       const std::vector<ProducerCursor>& to, std::size_t links_max) override {
        if (happens(5)) return error(Errc::io, "unreadable");
        Found found;
        std::set<std::uint64_t> links;
        for (const auto& limit : to) {
            std::uint32_t at = cursor_of(from, limit.shard).offset;
            if (at < kept_from[limit.shard]) found.gap = true;
            for (; at < limit.at.offset && links.size() < links_max; ++at) {
                links.insert(journal[limit.shard][at].link);
            }
            found.reached.push_back({limit.shard, {0, 0, at}});
        }
        found.links.assign(links.begin(), links.end());
        return found;
    }

    // The position's file.
    std::optional<DeliveryPosition> load() override { return saved; }
    Result<void> save(const std::optional<DeliveryPosition>& position) override {
        if (happens(10)) return error(Errc::io, "full");
        saved = position;
        return {};
    }

    std::vector<ProducerCursor> stored_cursors() const {
        std::vector<ProducerCursor> cursors;
        for (std::uint16_t shard = 0; shard < 2; ++shard)
            cursors.push_back({shard, {0, 0, counted[shard]}});
        return cursors;
    }
    void click() {
        const auto shard = static_cast<std::uint16_t>(below(2));
        journal[shard].push_back(
            {below(links), below(2) == 0 ? ClickClass::human : ClickClass::bot});
    }
    /// The local store takes a batch of what was read since; `delivery` null: it is down.
    void count(TotalDelivery* delivery) {
        CountBatch batch;
        std::map<TotalKey, std::uint64_t> added;
        for (std::uint16_t shard = 0; shard < 2; ++shard) {
            for (; counted[shard] < journal[shard].size(); ++counted[shard]) {
                const Record& record = journal[shard][counted[shard]];
                ++added[{record.link, shard, record.click_class}];
            }
        }
        for (const auto& [key, more] : added) {
            const auto& [link, shard, click_class] = key;
            local[key] += more;
            batch.clicks.push_back({link, 0, shard, click_class, more});
        }
        ++revision;
        const auto cursors = stored_cursors();
        if (delivery != nullptr) delivery->landed({batch, cursors, revision, 1, false});
    }
    /// As a server that begins again without its last seconds, or with nothing: what is gone was
    /// not told to this instance, only that the server is another one.
    void begin_sink_anew() {
        ++life;
        const auto before = dropped;
        for (std::uint64_t n = below(links) + 1; n > 0; --n) lose_keys();
        for (const auto link : dropped) {
            if (before.count(link) == 0) untold.insert(link);
        }
    }
    void lose_keys() {
        const std::uint64_t link = below(links);
        for (auto at = remote.begin(); at != remote.end();) {
            if (std::get<0>(at->first) != link) {
                ++at;
                continue;
            }
            at = remote.erase(at);
            dropped.insert(link);
        }
        late.clear();
    }

    SplitMix64 random;
    bool faults = true;
    std::uint64_t links = 12;
    std::vector<Record> journal[2];
    std::uint32_t kept_from[2] = {0, 0};
    std::uint32_t counted[2] = {0, 0};
    Totals local;
    std::uint64_t revision = 0;
    Totals remote;
    Totals late;
    std::set<std::uint64_t> dropped;  ///< links that the sink lost and nobody gave it since
    std::set<std::uint64_t> untold;   ///< of those, what no message told of
    std::uint64_t life = 1;
    std::optional<DeliveryPosition> saved;
    std::uint64_t walk_parts = 0;
};

struct History {
    explicit History(std::uint64_t seed) : world(seed), breaker({5, 60s}) { start(); }

    void start() {
        TotalDeliveryConfig config;
        config.limits = {1 + world.below(12), 1 + world.below(5), 1 + world.below(8)};
        config.save_every = std::chrono::milliseconds(world.below(3) * 500);
        config.now = [this] { return now_ns; };
        config.suppressed = [this](std::uint64_t link) { return suppressed.count(link) > 0; };
        delivery = std::make_unique<TotalDelivery>(
            TotalDelivery::Parts{world, world, world, world, breaker, node}, config);
        delivery->began(world.stored_cursors(), world.revision);
    }
    void step() {
        const auto what = world.below(100);
        if (what < 40) return world.click();
        if (what < 60) return world.count(delivery.get());
        if (what < 84) {
            // Time enough for every back-off and for the breaker.
            now_ns += 70'000'000'000;
            delivery->round();
        } else if (what < 88) {
            delivery.reset();  // kill -9
            if (world.below(2) == 0) world.count(nullptr);
            start();
        } else if (what < 91) {
            const auto link = world.below(world.links);
            if (suppressed.erase(link) == 0) suppressed.insert(link);
        } else if (what < 93) {
            world.lose_keys();
        } else if (what < 94) {
            world.begin_sink_anew();
        } else if (what < 95) {
            delivery->mark_all();
        } else if (what < 97) {
            for (auto& from : world.kept_from)
                from = world.counted[&from - world.kept_from];  // segments are removed
        } else {
            // The local store was healed and told nobody.
            if (world.below(4) == 0) delivery->began(world.stored_cursors(), world.revision);
        }
    }
    /// Everything comes back, and what was found lost is asked for again.
    bool settle() {
        world.faults = false;
        suppressed.clear();
        world.count(delivery.get());
        for (const auto link : world.dropped) {
            if (world.untold.count(link) == 0) delivery->mark(link);
        }
        for (int n = 0; n < 3; ++n) {
            now_ns += 70'000'000'000;
            if (delivery->round()) return true;
        }
        return false;
    }

    World world;
    CircuitBreaker breaker;
    std::set<std::uint64_t> suppressed;
    std::int64_t now_ns = 1;
    std::unique_ptr<TotalDelivery> delivery;
};

}  // namespace

TEST_CASE("the sink's totals come out equal to the local ones, whatever happens on the way",
          "[clicks][delivery]") {
    const char* const given = std::getenv("QCK_TEST_SEED");
    const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device{}();
    std::cout << "delivery seed " << seed << std::endl;
    const qck::test::SilentLog silent;
    constexpr std::uint64_t histories = 20'000;
    for (std::uint64_t n = 0; n < histories; ++n) {
        CAPTURE(seed, n);
        History history(seed + n);
        const auto steps = 20 + history.world.below(200);
        for (std::uint64_t step = 0; step < steps; ++step) history.step();
        REQUIRE(history.settle());
        REQUIRE(history.world.remote == history.world.local);
    }
}
