#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "services/api/answer_cache.hpp"
#include "services/http_server/blocking_work.hpp"
#include "services/http_server/exchange.hpp"
#include "services/links/link_rules.hpp"
#include "services/links/link_store.hpp"
#include "services/links/link_writer.hpp"

namespace qck::analytics {
class ClickAnalytics;
}

namespace qck::api {

struct ApiConfig {
    /// Asked of every request but GET /health when not empty.
    std::string bearer_token;
    links::LinkRules rules;
    /// More items in one batch answer 413. Its bytes are bounded by the listener's body limit.
    std::size_t batch_items_max = 10'000;
    /// Links on one page of a list.
    std::size_t page_links_max = 1000;
    /// Answers of GET /v1/analytics are given again for so long; Age says how old one is.
    std::chrono::milliseconds analytics_kept_for{5'000};
};

/// What the API works on; all outlive the handler and are thread-safe.
struct ApiParts {
    links::LinkStore& store;
    links::LinkWriter& writer;
    analytics::ClickAnalytics* analytics = nullptr;  ///< without it its routes answer 503
    /// Where reads of links and their counts are done when they may wait for a server; null: here.
    http_server::BlockingWork* reads = nullptr;
};

/// The links API of DESIGN section 5. One per reactor; not thread-safe.
///
/// Changes go to the writer and are answered after their commit; reads are done here against a
/// local store, else by threads that may wait, so the API has reactors of its own, not those of the
/// redirects. Ids are strings in JSON, since they pass 2^53. Every answer but those of /health is
/// JSON that names what was wrong: 400 for what cannot be read (JSON, query), 422 for what is read
/// and refused, 409 for a code that is taken or a version that has moved on.
class ApiHandler : public http_server::Handler {
public:
    ApiHandler(const ApiConfig& config, ApiParts parts);

    void handle(const http_server::Request& request, http_server::Exchange& exchange) override;

private:
    void route(const http_server::Request& request, http_server::Exchange& exchange);
    void route_link(const http_server::Request& request, http_server::Exchange& exchange,
                    std::string_view rest);

    void create_link(const http_server::Request& request, http_server::Exchange& exchange);
    void create_batch(const http_server::Request& request, http_server::Exchange& exchange);
    void edit_link(std::string_view code, const http_server::Request& request,
                   http_server::Exchange& exchange);
    void remove_link(std::string_view code, http_server::Exchange& exchange);
    void answer_read(http_server::Exchange& exchange, std::function<http_server::Response()> read);
    /// Of any thread.
    http_server::Response get_link(std::string_view code) const;
    http_server::Response list_links(std::string_view query) const;
    http_server::Response link_stats(std::string_view code) const;
    http_server::Response event_analytics(std::string_view query, std::int64_t now_ns);

    const ApiConfig config_;
    const ApiParts parts_;
    AnswerCache analytics_answers_;
};

}  // namespace qck::api
