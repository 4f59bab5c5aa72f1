#include "cli/commands/cache_request.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "services/links/link_rules.hpp"

namespace qck::commands {

Result<std::vector<std::string>> cache_codes_from_json(std::string_view body) {
    const auto wrong = [](std::string message) {
        return error(Errc::invalid_argument, std::move(message));
    };
    const auto json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object() || json.size() != 1 || !json.contains("codes") ||
        !json["codes"].is_array()) {
        return wrong(R"(expected {"codes": ["CODE", …]})");
    }
    const auto& list = json["codes"];
    if (list.empty() || list.size() > cache_codes_max) {
        return wrong("expected 1 to " + std::to_string(cache_codes_max) + " codes, got " +
                     std::to_string(list.size()));
    }
    std::vector<std::string> codes;
    std::set<std::string> seen;
    for (std::size_t at = 0; at < list.size(); ++at) {
        const std::string place = "codes[" + std::to_string(at) + "]: ";
        if (!list[at].is_string()) return wrong(place + "expected a text");
        auto code = list[at].get<std::string>();
        if (const auto checked = links::check_code(code); !checked) {
            return wrong(place + checked.error().message);
        }
        if (seen.insert(code).second) codes.push_back(std::move(code));
    }
    return codes;
}

Result<std::uint32_t> parse_cache_span(std::string_view text) {
    if (text == "1h") return 1U;
    if (text == "24h") return 24U;
    return error(Errc::invalid_argument, "'" + std::string(text) + "' is not a span (1h or 24h)");
}

Result<TopQuery> read_top_query(std::string_view query) {
    TopQuery top;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const auto equals = std::min(pair.find('='), pair.size());
        const std::string_view name = pair.substr(0, equals);
        const std::string_view value = pair.substr(std::min(pair.size(), equals + 1));
        if (name == "n") {
            const char* const end = value.data() + value.size();
            const auto [at, failure] = std::from_chars(value.data(), end, top.links_max);
            if (failure != std::errc() || at != end || top.links_max == 0 ||
                top.links_max > cache_top_max) {
                return error(Errc::invalid_argument,
                             "n: expected 1 to " + std::to_string(cache_top_max));
            }
        } else if (name == "span") {
            const auto hours = parse_cache_span(value);
            if (!hours) return error(Errc::invalid_argument, "span: " + hours.error().message);
            top.hours = *hours;
        } else {
            return error(Errc::invalid_argument,
                         "'" + std::string(name) + "' is no parameter here (n, span)");
        }
    }
    return top;
}

}  // namespace qck::commands
