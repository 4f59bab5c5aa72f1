#pragma once

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "services/http_server/exchange.hpp"

namespace qck::commands {

/// `json`, and a line end.
http_server::Response json_reply(const nlohmann::ordered_json& json);

/// 422 of the problem type `wrong` for what was asked wrongly, else 503.
http_server::Response error_reply(const Error& error, const char* wrong);

}  // namespace qck::commands
