#include <nlohmann/json.hpp>

#include "services/http_server/exchange.hpp"

namespace qck::http_server {

Response problem(std::uint16_t status, std::string_view type, std::string_view detail) {
    const nlohmann::json document = {
        {"type", "urn:qck:" + std::string(type)}, {"status", status}, {"detail", detail}};
    Response response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return response;
}

}  // namespace qck::http_server
