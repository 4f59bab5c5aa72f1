#pragma once

#include "cli/commands/deliveries.hpp"
#include "services/reconcile/compare.hpp"

namespace qck::commands {

struct RepairParts {
    const reconcile::Request& request;
    clicks::ClickStore& counts;
    Deliveries& deliveries;
    bool allow_lower = false;
};

/// Gives the stores that instances share what they lack of `found`, and with `allow_lower` takes
/// from them what they have too much. Compares again, and adds notes of what was done and of what
/// could not be. What is true comes from the journal; a local store that disagrees with it is to be
/// repaired first, and nothing is lowered to a journal that is damaged.
///
/// In this order: rows that the segments still have, totals, what is too high, and last rows that
/// stand for clicks which the journal only has totals of.
Result<reconcile::Comparison> repair_stores(const RepairParts& parts, reconcile::Comparison found);

}  // namespace qck::commands
