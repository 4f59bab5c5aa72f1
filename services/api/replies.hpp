#pragma once

#include <string_view>

#include "base/error.hpp"
#include "services/http_server/exchange.hpp"
#include "services/links/link.hpp"

namespace qck::api {

/// The stable `type` and the HTTP status of an error of the links API.
struct ProblemKind {
    std::uint16_t status;
    std::string_view type;
};

/// What an error of the store or the rules is to a client. `conflict_type` names Errc::conflict,
/// which is a taken code in a creation and a moved version in an edit.
ProblemKind problem_kind(Errc code, std::string_view conflict_type);

/// The problem document of an error; 503 carries Retry-After.
http_server::Response refusal(const Error& error, std::string_view conflict_type = "conflict");

/// A link as JSON; 201 carries Location.
http_server::Response link_reply(std::uint16_t status, const links::Link& link);

/// 405 with Allow.
http_server::Response method_not_allowed(std::string_view allowed);

}  // namespace qck::api
