// Histories of journal and delivery with every fault at every place, each decided by its seed.
// QCK_SEED=N runs the one history N; QCK_HISTORIES=N so many.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>

#include "tests/services/clicks/simulated_store.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;

namespace {

/// One life of a data directory: appends, steps, crashes, restarts, and at last quiet.
class EventHistory {
public:
    explicit EventHistory(std::uint64_t seed,
                          MisreadJournal::From read_from = MisreadJournal::From::right)
        : dice_(seed),
          journal_(static_cast<std::uint16_t>(1 + dice_.below(3))),
          source_(journal_, read_from),
          file_(dice_),
          store_(dice_) {
        const double share =
            dice_.chance(0.2) ? 0 : 0.3 * (static_cast<double>(dice_.below(100)) / 100);
        store_.fault_share = share;
        store_.crash_share = file_.crash_share = share / 5;
        config_.node = 42;
        config_.rows_max = 1 + dice_.below(12);
        config_.age_max = std::chrono::milliseconds(dice_.below(5));
        config_.deferred_links = [this] { return bursting_; };
        restart();
    }

    /// The difference between journal and store; empty when there is none.
    std::string run() {
        const std::uint64_t rounds = 20 + dice_.below(60);
        for (std::uint64_t n = 0; n < rounds; ++n) {
            for (auto clicks = dice_.below(6); clicks > 0; --clicks) append();
            if (dice_.chance(0.1)) change_bursts();
            if (dice_.chance(0.02)) restart();
            if (dice_.chance(0.02)) lose_and_resend();
            if (dice_.chance(0.1)) remove_segments();
            for (auto steps = dice_.below(5); steps > 0; --steps) step();
        }
        return quiet();
    }

private:
    void restart() {
        journal_.begin_epoch();
        store_.process_gone();
        shipper_ = std::make_unique<EventShipper>(source_, store_, file_, config_);
        source_.read_for(*shipper_);
        if (!shipper_->load()) throw std::runtime_error("the cursor file cannot be read");
        if (resend_asked_) shipper_->resend_all();
    }

    void append() {
        const auto shards = journal_.shards().size();
        journal_.append(static_cast<std::uint16_t>(dice_.below(shards)), dice_.below(5));
    }

    void change_bursts() {
        bursting_.clear();
        for (std::uint64_t link = 0; link < 5; ++link) {
            if (dice_.chance(0.3)) bursting_.push_back(link);
        }
    }

    /// Somebody repairs until it was done once: a crash before it was written down forgets it.
    void lose_and_resend() {
        for (const EventId& id : store_.lose_tail()) {
            if (journal_.is_gone(id)) lost_for_good_.insert(id);
        }
        resend_asked_ = true;
        shipper_->resend_all();
    }

    /// As retention does: what the cursor file says is not needed any more.
    void remove_segments() {
        const DeliveryState& state = shipper_->state();
        if (!state.unsaved() && !shipper_->resending()) journal_.remove_before(state.needed());
    }

    bool step() {
        now_ns_ += static_cast<std::int64_t>(dice_.below(3'000'000));
        try {
            const auto did = shipper_->step(now_ns_);
            resend_asked_ = resend_asked_ && !shipper_->resend_saved();
            return did && *did == EventShipper::Did::nothing;
        } catch (const Crash&) {
            restart();
            return false;
        }
    }

    std::string quiet() {
        bursting_.clear();
        store_.fault_share = store_.crash_share = file_.crash_share = 0;
        for (int n = 0; n < 20'000; ++n) {
            shipper_->hurry();
            if (step() && shipper_->caught_up() && shipper_->state().deferred().empty()) {
                return difference();
            }
        }
        return "it does not end";
    }

    std::string difference() const {
        const auto wanted = journal_.all();
        const auto stored = store_.counts();
        for (const auto& [id, link] : wanted) {
            const auto found = stored.find(id);
            const std::uint64_t count = found == stored.end() ? 0 : found->second;
            if (count != (lost_for_good_.contains(id) ? 0 : 1)) {
                return "record " + std::to_string(id.shard) + "-" + std::to_string(id.epoch) + "-" +
                       std::to_string(id.sequence) + " is there " + std::to_string(count) +
                       " times";
            }
        }
        return stored.size() + lost_for_good_.size() == wanted.size() ? ""
                                                                      : "rows that nobody wrote";
    }

    Dice dice_;
    SimulatedJournal journal_;
    MisreadJournal source_;
    SimulatedFile file_;
    FaultyStore store_;
    ShipperConfig config_;
    std::vector<std::uint64_t> bursting_;
    std::set<EventId> lost_for_good_;  ///< by the store, when the journal had them no more
    std::unique_ptr<EventShipper> shipper_;
    std::int64_t now_ns_ = 1;
    bool resend_asked_ = false;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("every click is delivered once, whatever is lost, late, half done or killed",
          "[clicks][delivery]") {
    const std::uint64_t only = number_from("QCK_SEED", 0);
    const std::uint64_t first = only != 0 ? only : std::random_device{}();
    const std::uint64_t histories = only != 0 ? 1 : number_from("QCK_HISTORIES", 10'000);
    std::cout << "delivery simulation: seeds " << first << " to " << first + histories - 1 << "\n";
    for (std::uint64_t seed = first; seed < first + histories; ++seed) {
        const std::string difference = EventHistory(seed).run();
        if (!difference.empty()) FAIL("QCK_SEED=" << seed << ": " << difference);
    }
}

TEST_CASE("histories find out when the next batch is read from a wrong place",
          "[clicks][delivery]") {
    for (const auto from :
         {MisreadJournal::From::batch_in_hand, MisreadJournal::From::record_later}) {
        std::uint64_t seed = 1;
        while (seed <= 100 && EventHistory(seed, from).run().empty()) ++seed;
        CHECK(seed <= 100);
    }
}
