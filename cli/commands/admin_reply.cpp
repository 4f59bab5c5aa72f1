#include "cli/commands/admin_reply.hpp"

namespace qck::commands {

http_server::Response json_reply(const nlohmann::ordered_json& json) {
    http_server::Response response;
    response.body = json.dump() + "\n";
    return response;
}

http_server::Response error_reply(const Error& error, const char* wrong) {
    const bool asked_wrongly = error.code == Errc::invalid_argument;
    return http_server::problem(asked_wrongly ? 422 : 503, asked_wrongly ? wrong : "unavailable",
                                error.message);
}

}  // namespace qck::commands
