#include "cli/commands/arrivals_action.hpp"

#include <charconv>
#include <limits>
#include <utility>

#include "base/clock.hpp"
#include "base/http/target.hpp"
#include "cli/commands/admin_reply.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;

Result<std::int64_t> read_within(std::string_view query) {
    std::int64_t within_ms = std::numeric_limits<std::int32_t>::max();
    for (http::QueryParameters p(query); p.next();) {
        if (p.name() != "within_ms") {
            return error(Errc::invalid_argument,
                         "'" + std::string(p.name()) + "' is no parameter here (within_ms)");
        }
        const std::string_view value = p.value();
        const char* const end = value.data() + value.size();
        const auto [at, failure] = std::from_chars(value.data(), end, within_ms);
        if (failure != std::errc() || at != end || within_ms < 1 ||
            within_ms > std::numeric_limits<std::int32_t>::max()) {
            return error(Errc::invalid_argument, "within_ms: expected 1 to 2147483647");
        }
    }
    return within_ms;
}

}  // namespace

admin::Action arrivals_action(std::vector<const redirect::ArrivalLog*> logs) {
    const auto answer = [logs = std::move(logs)](const admin::Action::Call& call) {
        const auto within_ms = read_within(call.query);
        if (!within_ms) return error_reply(within_ms.error(), "invalid-request");
        const std::int64_t now_ns = monotonic_ns();
        const auto to_wall_ms = [ahead_ns = wall_ns() - now_ns](std::int64_t at_ns) {
            return (at_ns + ahead_ns) / 1'000'000;
        };
        Json slots = Json::array();
        for (const auto& slot :
             redirect::slots_since(logs, now_ns - *within_ms * 1'000'000, now_ns)) {
            slots.push_back({to_wall_ms(slot.start_ns), slot.requests, slot.idle_max_ns / 1'000,
                             to_wall_ms(slot.idle_end_ns), slot.late_max_ns / 1'000});
        }
        return json_reply({{"now_ms", to_wall_ms(now_ns)},
                           {"slot_ms", redirect::ArrivalLog::slot_length.count()},
                           {"slots", std::move(slots)}});
    };
    return {http::Method::get, "/v1/arrivals", answer};
}

}  // namespace qck::commands
