#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "services/api/ports.hpp"
#include "services/http_server/exchange.hpp"
#include "services/links/code_generator.hpp"
#include "services/links/link_rules.hpp"
#include "services/links/link_store.hpp"
#include "services/links/link_writer.hpp"

namespace qck::api {

struct ApiConfig {
    /// Asked of every request but GET /health when not empty.
    std::string bearer_token;
    links::LinkRules rules;
    /// More items in one batch answer 413. Its bytes are bounded by the listener's body limit.
    std::size_t batch_items_max = 10'000;
};

/// What the API works on; all outlive the handler and are thread-safe.
struct ApiParts {
    links::LinkStore& store;
    links::LinkWriter& writer;
    links::SnowflakeIds& ids;
    StatsSource* stats = nullptr;          ///< without it the route answers 503
    AnalyticsSource* analytics = nullptr;  ///< likewise
};

/// The links API of DESIGN section 5. One per reactor (it owns a generator of codes).
///
/// Changes go to the writer and are answered after their commit; reads are done here, against a
/// local store, so the API has reactors of its own, not those of the redirects. Ids are strings in
/// JSON: they pass 2^53.
class ApiHandler : public http_server::Handler {
public:
    ApiHandler(const ApiConfig& config, ApiParts parts);
    ~ApiHandler() override;

    void handle(const http_server::Request& request, http_server::Exchange& exchange) override;

private:
    class Routes;
    std::unique_ptr<Routes> routes_;
};

}  // namespace qck::api
