#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/clicks/total_sink.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "services/stores/redis/script.hpp"

namespace qck::redis {

/// `<node, 16 hex digits>.<shard>.<class>`: where `clicks:{id}:by` has that total.
std::string producer_field(std::uint64_t node, const clicks::LinkTotals::Part& part);

/// Keeps `clicks:{id}` in Redis the sum of all producers' totals, by a script that trusts none of a
/// link's keys alone, since any may have been evicted, or lost, apart from the others:
///
/// - each producer's field of `clicks:{id}:by` becomes the larger of old and new;
/// - `clicks:{id}` becomes the larger of itself and the sum of the fields, so it never falls;
/// - what is new since the larger of `clicks:{id}` and the sum before goes to this second's key.
/// What
///   only came back after a loss does not, as far as one of the two was left to tell it by.
///
/// A key of another type than it has here is replaced, and the first one logged: totals are
/// absolute, so nothing of its link is lost that is not given again.
///
/// A link that was delivered before, and of which none of this node's fields is there, has lost its
/// hash, and with it the totals of others: its id is returned, and published on the heal channel
/// (again with the next delivery, if that fails). A hash goes as a whole, so one field alone that
/// is missing is new. So has one whose hash was replaced. Exact below 2^53 clicks a link.
///
/// Its incarnation is made of each master's process (`run_id`: one that begins again, or takes
/// over, may lack the last writes) and of a key with a random value there, written by whoever finds
/// none (all keys are gone): `qck:run`, in a cluster `qck:run:{N}` in a slot of each master.
///
/// One round of pipelined scripts a call: many links a script on one server, one link a script in a
/// cluster, where each link has its own slot.
class RedisTotalSink final : public clicks::TotalSink {
public:
    using WallSeconds = std::function<std::int64_t()>;

    /// `client` outlives it. `now` is for tests; by default the wall clock.
    explicit RedisTotalSink(BlockingClient& client, WallSeconds now = {});

    std::string_view name() const override { return "redis"; }
    /// Links of a script that failed (a master of a cluster is down) are untaken, others are not.
    Result<clicks::Taken> deliver(std::uint64_t node,
                                  std::span<const clicks::LinkTotals> links) override;
    Result<std::string> incarnation() override;

private:
    Result<void> count(std::uint64_t node, std::span<const clicks::LinkTotals> links,
                       clicks::Taken& taken);
    void note_reply(const Reply& reply, std::span<const clicks::LinkTotals> links,
                    clicks::Taken& taken);
    Result<void> publish_lost();

    BlockingClient& client_;
    WallSeconds now_;
    Script script_;
    Script run_script_;
    std::size_t links_per_script_;
    std::vector<std::uint64_t> unpublished_;  ///< lost, but the others have not been told
    bool told_of_replaced_ = false;
};

}  // namespace qck::redis
