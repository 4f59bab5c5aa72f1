#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "services/admin/admin_handler.hpp"
#include "services/links/link_store.hpp"
#include "services/reconcile/totals_view.hpp"

namespace qck::commands {

/// What POST /v1/reconcile compares; all of it outlives the action.
struct ReconcileParts {
    std::filesystem::path data_dir;
    links::LinkStore& links;
    std::vector<reconcile::TotalsView*> shared;
    std::function<Result<void>()> settle;
};

/// `POST /v1/reconcile`: compares the counts of a service that runs.
admin::Action reconcile_action(ReconcileParts parts);

}  // namespace qck::commands
