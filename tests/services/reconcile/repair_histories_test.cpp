// Histories of a journal on disk, its delivery and a store that loses its tail: the comparison
// names exactly what differs, and after the repair nothing does. QCK_SEED=N runs history N;
// QCK_REPAIRS=N so many.
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "services/clicks/journal_event_source.hpp"
#include "services/reconcile/compare_minutes.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/services/clicks/simulated_store.hpp"
#include "tests/services/reconcile/rows_in_memory.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using reconcile::test::Rows;

namespace {

using LinkMinutes = std::set<std::pair<std::uint64_t, std::uint32_t>>;

constexpr std::uint16_t shards = 2;

class RepairHistory {
public:
    explicit RepairHistory(std::uint64_t seed) : dice_(seed), file_(dice_), store_(dice_) {
        const double share = 0.3 * (static_cast<double>(dice_.below(100)) / 100);
        store_.fault_share = share;
        store_.crash_share = file_.crash_share = share / 5;
        config_.rows_max = 1 + dice_.below(20);
        config_.age_max = std::chrono::milliseconds(dice_.below(5));
        open();
    }

    /// What went wrong; empty when nothing did.
    std::string run() {
        for (auto rounds = 5 + dice_.below(15); rounds > 0; --rounds) {
            for (auto clicks = dice_.below(12); clicks > 0; --clicks) append();
            for (auto steps = dice_.below(8); steps > 0; --steps) step();
            if (dice_.chance(0.05)) reopen();
        }
        if (!deliver_all()) return "it does not end";
        if (!named().empty()) return "drift where there is none";
        for (auto losses = 1 + dice_.below(2); losses > 0; --losses) {
            store_.lose_tail();
            if (named() != differing()) return "not what differs is named";
            repair_asked_ = true;
            shipper_->resend_all();
            if (!deliver_all()) return "the repair does not end";
            if (!differing().empty()) return "the repair did not bring everything";
            if (!named().empty()) return "drift after the repair";
        }
        return {};
    }

private:
    void open() {
        directory_ = take(DataDirectory::open(temporary_.path(), "test"));
        journal_ = take(Journal::open(*directory_, small_journal(shards)));
        config_.node = directory_->identity().node;
        restart();
    }
    /// As after kill -9.
    void reopen() {
        shipper_.reset();
        source_.reset();
        journal_.reset();
        directory_.reset();
        open();
    }
    void restart() {
        store_.process_gone();
        source_ = std::make_unique<JournalEventSource>(JournalEventSource::Options{
            directory_->journal(), directory_->identity().node, shards,
            [this](std::uint16_t shard) { return writer_at(shard); }, nullptr});
        shipper_ = std::make_unique<EventShipper>(*source_, store_, file_, config_);
        REQUIRE(shipper_->load().has_value());
        if (repair_asked_) shipper_->resend_all();
    }
    Cursor writer_at(std::uint16_t shard) const {
        const std::uint64_t position = journal_->shard(shard).appended_position();
        return {directory_->identity().epoch,
                static_cast<std::uint32_t>(position / segment_bytes_min),
                static_cast<std::uint32_t>(position % segment_bytes_min)};
    }
    void append() {
        now_ms_ += static_cast<std::int64_t>(dice_.below(20'000));
        REQUIRE(journal_->shard(static_cast<std::uint16_t>(dice_.below(shards)))
                    .append(click_on(1 + dice_.below(5), ClickClass::human, now_ms_)));
    }
    bool step() {
        now_ns_ += static_cast<std::int64_t>(dice_.below(3'000'000));
        try {
            const auto did = shipper_->step(now_ns_);
            repair_asked_ = repair_asked_ && !shipper_->resend_saved();
            return did && *did == EventShipper::Did::nothing;
        } catch (const Crash&) {
            restart();
            return false;
        }
    }
    bool deliver_all() {
        for (int n = 0; n < 20'000; ++n) {
            shipper_->hurry();
            if (step() && shipper_->caught_up()) return true;
        }
        return false;
    }

    /// The journal's clicks, and those of the store, as rows.
    std::pair<Rows, Rows> rows() const {
        std::pair<Rows, Rows> both;
        both.first.copy_journal(temporary_.path());
        const auto counts = store_.counts();
        for (const Rows::Row& row : both.first.rows) {
            const auto count = counts.find(row.id);
            for (auto n = count == counts.end() ? 0 : count->second; n > 0; --n) {
                both.second.rows.push_back(row);
            }
        }
        return both;
    }
    LinkMinutes differing() const {
        std::map<std::pair<std::uint64_t, std::uint32_t>, std::multiset<std::uint64_t>> sides[2];
        const auto [journal, store] = rows();
        for (const auto& row : journal.rows) sides[0][{row.link_id, row.minute}].insert(row.hash);
        for (const auto& row : store.rows) sides[1][{row.link_id, row.minute}].insert(row.hash);
        LinkMinutes found;
        for (const auto& [place, hashes] : sides[0]) {
            if (hashes != sides[1][place]) found.insert(place);
        }
        return found;
    }
    /// By the comparison.
    LinkMinutes named() const {
        auto [journal, store] = rows();
        reconcile::Request request;
        request.data_dir = temporary_.path();
        request.minutes = &store;
        const auto compared = take(reconcile::compare_minutes(request, std::nullopt, {}));
        REQUIRE(compared.not_compared.empty());
        LinkMinutes found;
        for (const auto& drift : compared.drifts) found.insert({drift.link_id, drift.minute});
        CHECK((compared.differing == 0) == found.empty());
        return found;
    }

    Dice dice_;
    qck::test::TemporaryDirectory temporary_;
    SimulatedFile file_;
    FaultyStore store_;
    ShipperConfig config_;
    std::unique_ptr<DataDirectory> directory_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<JournalEventSource> source_;
    std::unique_ptr<EventShipper> shipper_;
    std::int64_t now_ns_ = 1;
    std::int64_t now_ms_ = some_time_ms;
    bool repair_asked_ = false;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("what a store lost is named by link and minute, and is there after the repair (P3)",
          "[reconcile][minutes][P3]") {
    const std::uint64_t only = number_from("QCK_SEED", 0);
    const std::uint64_t first = only != 0 ? only : std::random_device{}();
    const std::uint64_t histories = only != 0 ? 1 : number_from("QCK_REPAIRS", 200);
    std::cout << "repairs: seeds " << first << " to " << first + histories - 1 << "\n";
    for (std::uint64_t seed = first; seed < first + histories; ++seed) {
        const std::string wrong = RepairHistory(seed).run();
        if (!wrong.empty()) FAIL("QCK_SEED=" << seed << ": " << wrong);
    }
}
