#include "services/api/replies.hpp"

#include <string>

#include "services/api/link_json.hpp"

namespace qck::api {

ProblemKind problem_kind(Errc code, std::string_view conflict_type) {
    switch (code) {
        case Errc::invalid_argument:
            return {422, "invalid-link"};
        case Errc::not_found:
            return {404, "link-not-found"};
        case Errc::conflict:
            return {409, conflict_type};
        case Errc::unavailable:
        case Errc::timed_out:
        case Errc::io:
        case Errc::corrupt:
            return {503, "store-unavailable"};
        case Errc::permission:
        case Errc::internal:
            break;
    }
    return {500, "internal"};
}

http_server::Response refusal(const Error& error, std::string_view conflict_type) {
    const auto kind = problem_kind(error.code, conflict_type);
    auto response = http_server::problem(kind.status, kind.type, error.message);
    if (kind.status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
}

http_server::Response link_reply(std::uint16_t status, const links::Link& link) {
    http_server::Response response;
    response.status = status;
    response.body.reserve(320 + link.target.size());
    append_link(response.body, link);
    response.body += '\n';
    if (status == 201) response.headers.emplace_back("Location", "/v1/links/" + link.code);
    return response;
}

http_server::Response method_not_allowed(std::string_view allowed) {
    auto response = http_server::problem(405, "method-not-allowed",
                                         "expected one of the methods " + std::string(allowed));
    response.headers.emplace_back("Allow", allowed);
    return response;
}

}  // namespace qck::api
