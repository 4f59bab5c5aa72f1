#include "services/ingest/answers.hpp"

#include <nlohmann/json.hpp>

namespace qck::ingest {

http_server::Response answer_to(const Outcome& outcome) {
    nlohmann::ordered_json body;
    http_server::Response response;
    response.status = 202;
    if (outcome.rejected_count > 0 && outcome.accepted + outcome.duplicate == 0) {
        const char* const why = "not one item could be taken; see rejected";
        response = http_server::problem(422, "invalid-items", why);
        body = nlohmann::ordered_json::parse(response.body);
    }
    body["accepted"] = outcome.accepted;
    body["duplicate"] = outcome.duplicate;
    auto& rejected = body["rejected"] = nlohmann::ordered_json::array();
    for (const Rejection& each : outcome.rejected) {
        rejected.push_back({{"line", each.line}, {"error", each.error}});
    }
    if (outcome.rejected_count > outcome.rejected.size()) {
        body["rejected_not_listed"] = outcome.rejected_count - outcome.rejected.size();
    }
    // A client's text may be cut in the middle of a character.
    response.body =
        body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    return response;
}

http_server::Response busy(std::string_view why) {
    http_server::Response response = http_server::problem(503, "busy", why);
    response.headers.emplace_back("Retry-After", "1");
    return response;
}

}  // namespace qck::ingest
