#include "loadgen/scenario/users.hpp"

#include <cmath>

#include "base/units.hpp"
#include "loadgen/scenario/limits.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::scenario {

std::uint32_t Users::count() const {
    std::uint32_t sum = 0;
    for (const Group& group : groups) sum += group.count;
    return sum;
}

double Users::rate_per_s() const {
    double sum = 0;
    for (const Group& group : groups) sum += group.count * group.rate_per_s;
    return sum;
}

Result<Plan> with_users(Plan plan, Users users, std::chrono::nanoseconds steady) {
    std::uint64_t count = 0;
    for (const Users::Group& group : users.groups) {
        count += group.count;
        if (!(group.rate_per_s >= limits::user_rate_min) || group.rate_per_s > limits::rate_max) {
            return error(Errc::invalid_argument,
                         group.name + " at " + format_rate(group.rate_per_s) +
                             "/s each: a rate is at least one in 11 days and at most " +
                             format_rate(limits::rate_max) + "/s");
        }
    }
    if (count == 0 || count > limits::connections_max) {
        return error(Errc::invalid_argument, format_count(count) + " users: a run has from 1 to " +
                                                 format_count(limits::connections_max));
    }
    if (!(users.spawn_per_s >= limits::user_rate_min) || users.spawn_per_s > limits::rate_max) {
        return error(Errc::invalid_argument, "users come at a rate above 0");
    }
    const double spawn_s = static_cast<double>(count) / users.spawn_per_s;
    const double longest_s = std::chrono::duration<double>(limits::duration_max).count();
    if (spawn_s + std::chrono::duration<double>(steady).count() > longest_s) {
        return error(Errc::invalid_argument,
                     "the run would be longer than " + std::string(limits::duration_max_text));
    }
    Phase spawn;
    spawn.name = "spawn";
    spawn.shape = Shape::ramp;
    spawn.rate_to_per_s = users.rate_per_s();
    spawn.duration = std::chrono::nanoseconds(std::llround(std::max(spawn_s * 1e9, 1e6)));
    Phase stay;
    stay.name = "steady";
    stay.rate_from_per_s = stay.rate_to_per_s = users.rate_per_s();
    stay.duration = steady;
    plan.phases = {spawn, stay};
    if (const double total = requests_of(plan); total > limits::total_requests_max) {
        return error(Errc::invalid_argument, shown_total(total));
    }
    plan.connections = static_cast<std::uint32_t>(count);
    plan.new_connections_per_s = 0;
    plan.users = std::move(users);
    return plan;
}

}  // namespace qck::scenario
