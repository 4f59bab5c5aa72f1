#include "services/api/api_handler.hpp"

#include <memory>
#include <utility>

#include "base/clock.hpp"
#include "services/analytics/click_analytics.hpp"
#include "services/api/analytics_json.hpp"
#include "services/api/batch.hpp"
#include "services/api/link_json.hpp"
#include "services/api/queries.hpp"
#include "services/api/replies.hpp"
#include "services/http_server/bearer_token.hpp"

namespace qck::api {
namespace {

using http::Method;
using http_server::bears_token;
using http_server::Exchange;
using http_server::problem;
using http_server::Request;
using http_server::Response;

constexpr std::string_view links_path = "/v1/links";

Response ok(std::string json) {
    Response response;
    response.body = std::move(json);
    return response;
}

bool is_read(Method method) { return method == Method::get || method == Method::head; }

Response no_such_path() { return problem(404, "not-found", "there is nothing at this path"); }

Response wrong_query(const Error& error) { return problem(400, "invalid-query", error.message); }

Response no_such_link(std::string_view code) { return refusal(links::no_such_link(code)); }

/// What a client may write of a code in a path: anything else is no link.
bool is_code(std::string_view text) {
    return text.size() <= links::code_bytes_max && links::check_code(text).has_value();
}

/// Answers with the link that a change left, or why there was none. Copies share one reply, since
/// std::function wants copies.
links::LinkWriter::Changed answer_change(http_server::PendingReply reply, bool with_body) {
    auto shared = std::make_shared<http_server::PendingReply>(std::move(reply));
    return [shared, with_body](const Result<links::Link>& outcome) {
        if (!outcome) return shared->answer(refusal(outcome.error(), "version-mismatch"));
        if (with_body) return shared->answer(link_reply(200, *outcome));
        Response gone;
        gone.status = 204;
        gone.content_type.clear();
        shared->answer(std::move(gone));
    };
}

}  // namespace

ApiHandler::ApiHandler(const ApiConfig& config, ApiParts parts)
    : config_(config), parts_(parts), analytics_answers_(config.analytics_kept_for) {}

void ApiHandler::handle(const Request& request, Exchange& exchange) {
    if (request.head.path() == "/health") {
        if (!is_read(request.head.method)) return exchange.answer(method_not_allowed("GET, HEAD"));
        return exchange.answer(ok("{\"status\":\"ok\"}\n"));
    }
    if (!config_.bearer_token.empty() &&
        !bears_token(request.head.authorization, config_.bearer_token)) {
        auto denied = problem(401, "unauthorized",
                              "expected Authorization: Bearer with this service's token");
        denied.headers.emplace_back("WWW-Authenticate", "Bearer");
        return exchange.answer(denied);
    }
    route(request, exchange);
}

void ApiHandler::route(const Request& request, Exchange& exchange) {
    const auto path = request.head.path();
    const auto method = request.head.method;
    if (path == links_path) {
        if (method == Method::post) return create_link(request, exchange);
        if (is_read(method)) {
            return answer_read(exchange, [this, query = std::string(request.head.query())] {
                return list_links(query);
            });
        }
        return exchange.answer(method_not_allowed("GET, HEAD, POST"));
    }
    if (path == "/v1/links:batch") {
        if (method == Method::post) return create_batch(request, exchange);
        return exchange.answer(method_not_allowed("POST"));
    }
    if (path == "/v1/analytics") {
        if (is_read(method))
            return exchange.answer(event_analytics(request.head.query(), request.now_ns));
        return exchange.answer(method_not_allowed("GET, HEAD"));
    }
    if (path.starts_with("/v1/links/")) {
        return route_link(request, exchange, path.substr(links_path.size() + 1));
    }
    exchange.answer(no_such_path());
}

void ApiHandler::route_link(const Request& request, Exchange& exchange, std::string_view rest) {
    const auto code = rest.substr(0, rest.find('/'));
    const auto below = rest.substr(code.size());
    const auto method = request.head.method;
    if (!below.empty() && below != "/stats") return exchange.answer(no_such_path());
    if (!is_code(code)) return exchange.answer(no_such_link(code.substr(0, links::code_bytes_max)));
    if (below == "/stats") {
        if (is_read(method)) {
            return answer_read(exchange,
                               [this, code = std::string(code)] { return link_stats(code); });
        }
        return exchange.answer(method_not_allowed("GET, HEAD"));
    }
    if (is_read(method)) {
        return answer_read(exchange, [this, code = std::string(code)] { return get_link(code); });
    }
    if (method == Method::patch) return edit_link(code, request, exchange);
    if (method == Method::delete_) return remove_link(code, exchange);
    exchange.answer(method_not_allowed("GET, HEAD, PATCH, DELETE"));
}

void ApiHandler::create_link(const Request& request, Exchange& exchange) {
    Result<links::Link> link = error(Errc::internal, "");
    const auto read = read_objects(request.body, false, [&](Result<LinkFields> fields) {
        link = fields ? link_from(std::move(*fields), config_.rules, wall_ms())
                      : Result<links::Link>(fields.error());
    });
    if (!read) return exchange.answer(problem(400, "invalid-json", read.error().message));
    if (!link) return exchange.answer(refusal(link.error()));

    std::vector<links::Link> links;
    links.push_back(std::move(*link));
    auto reply = std::make_shared<http_server::PendingReply>(exchange.answer_later());
    auto done = [reply](Result<std::vector<Result<links::Link>>> outcome) {
        if (!outcome) return reply->answer(refusal(outcome.error()));
        const auto& created = outcome->front();
        reply->answer(created ? link_reply(201, *created) : refusal(created.error(), "code-taken"));
    };
    parts_.writer.create_later(std::move(links), links::OnConflict::go_on, std::move(done));
}

void ApiHandler::create_batch(const Request& request, Exchange& exchange) {
    const auto options = read_batch_query(request.head.query(), config_.batch_items_max);
    if (!options) return exchange.answer(wrong_query(options.error()));
    auto rules = config_.rules;
    rules.past_expiry_allowed = options->expired_allowed;
    auto read = Batch::read(request.body, *options, rules, wall_ms());
    if (!read) return exchange.answer(problem(400, "invalid-json", read.error().message));
    if (read->has_too_many()) {
        return exchange.answer(problem(
            413, "batch-too-large",
            "a batch may hold at most " + std::to_string(config_.batch_items_max) + " links"));
    }
    const auto batch = std::make_shared<Batch>(std::move(*read));
    auto links = batch->take_links();
    if (links.empty()) return exchange.answer(batch->answer({}));

    auto reply = std::make_shared<http_server::PendingReply>(exchange.answer_later());
    auto done = [reply, batch](const Result<std::vector<Result<links::Link>>>& outcome) {
        reply->answer(outcome ? batch->answer(*outcome) : refusal(outcome.error()));
    };
    const auto on_conflict =
        options->stop_at_error ? links::OnConflict::stop : links::OnConflict::go_on;
    parts_.writer.create_later(std::move(links), on_conflict, std::move(done));
}

void ApiHandler::edit_link(std::string_view code, const Request& request, Exchange& exchange) {
    Result<links::LinkPatch> patch = error(Errc::internal, "");
    const auto read = read_objects(request.body, false, [&](Result<LinkFields> fields) {
        patch = fields ? patch_from(std::move(*fields), config_.rules, wall_ms())
                       : Result<links::LinkPatch>(fields.error());
    });
    if (!read) return exchange.answer(problem(400, "invalid-json", read.error().message));
    if (!patch) return exchange.answer(refusal(patch.error()));
    parts_.writer.update_later(std::string(code), std::move(*patch),
                               answer_change(exchange.answer_later(), true));
}

void ApiHandler::remove_link(std::string_view code, Exchange& exchange) {
    parts_.writer.remove_later(std::string(code), answer_change(exchange.answer_later(), false));
}

void ApiHandler::answer_read(Exchange& exchange, std::function<Response()> read) {
    if (parts_.reads == nullptr) return exchange.answer(read());
    parts_.reads->run(exchange.answer_later(), std::move(read));
}

Response ApiHandler::get_link(std::string_view code) const {
    const auto found = parts_.store.find(code);
    if (!found) return refusal(found.error());
    if (!*found) return no_such_link(code);
    return link_reply(200, **found);
}

Response ApiHandler::list_links(std::string_view query) const {
    const auto asked = read_list_query(query, config_.page_links_max);
    if (!asked) return wrong_query(asked.error());
    // One more than asked for tells whether there is a next page.
    auto page = parts_.store.list(asked->after, asked->limit + 1);
    if (!page) return refusal(page.error());
    const bool more = page->size() > asked->limit;
    if (more) page->pop_back();

    std::string json = R"({"links":[)";
    for (std::size_t i = 0; i < page->size(); ++i) {
        if (i != 0) json += ',';
        append_link(json, (*page)[i]);
    }
    json += R"(],"next":)";
    if (more) {
        append_string(json, page->back().code);
    } else {
        json += "null";
    }
    json += "}\n";
    return ok(std::move(json));
}

Response ApiHandler::link_stats(std::string_view code) const {
    if (parts_.analytics == nullptr) {
        return problem(503, "no-analytics", "this service keeps no counts");
    }
    const auto found = parts_.store.find(code);
    if (!found) return refusal(found.error());
    if (!*found) return no_such_link(code);
    const auto stats = parts_.analytics->link_stats((*found)->id, wall_ms());
    if (!stats) return refusal(stats.error());
    return ok(stats_json(**found, *stats));
}

Response ApiHandler::event_analytics(std::string_view query, std::int64_t now_ns) {
    if (parts_.analytics == nullptr) {
        return problem(503, "no-analytics", "this service keeps no counts");
    }
    const std::string question(query);
    const AnswerCache::Entry* entry = analytics_answers_.find(question, now_ns);
    if (entry == nullptr) {
        auto asked = read_analytics_query(query, wall_ms());
        if (!asked) return wrong_query(asked.error());
        asked->query.type = asked->type;
        const auto rows = parts_.analytics->events(asked->query);
        if (!rows) return refusal(rows.error());
        entry =
            &analytics_answers_.put(question, events_json(*rows, asked->query.granularity), now_ns);
    }
    Response response = ok(entry->body);
    const std::int64_t age_s = (now_ns - entry->made_at_ns) / 1'000'000'000;
    response.headers = {
        {"Age", std::to_string(age_s)},
        {"Cache-Control", "max-age=" + std::to_string(analytics_answers_.keep_for_s())}};
    return response;
}

}  // namespace qck::api
