#pragma once

#include <functional>
#include <vector>

#include "services/admin/admin_handler.hpp"
#include "services/redirect/arrival_log.hpp"

namespace qck::commands {

/// `GET /v1/arrivals?within_ms=N`: how requests arrived at the redirect reactors in the last N ms,
/// as far back as they know: {now_ms, slot_ms, slots: [[start_ms, requests, idle_max_us,
/// idle_end_ms, late_max_us], …]}, times since 1970 by this machine's clock. `logs` outlive it.
admin::Action arrivals_action(std::vector<const redirect::ArrivalLog*> logs);

}  // namespace qck::commands
