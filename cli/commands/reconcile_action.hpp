#pragma once

#include <filesystem>

#include "cli/commands/deliveries.hpp"
#include "services/admin/admin_handler.hpp"
#include "services/links/link_store.hpp"

namespace qck::commands {

/// What POST /v1/reconcile compares; all of it outlives the action.
struct ReconcileParts {
    std::filesystem::path data_dir;
    links::LinkStore& links;
    Deliveries& deliveries;
};

/// `POST /v1/reconcile`: compares the counts of a service that runs, and repairs those of the
/// stores that it shares.
admin::Action reconcile_action(ReconcileParts parts);

}  // namespace qck::commands
