#include <algorithm>
#include <array>

#include "loadgen/scenario/field_values.hpp"
#include "loadgen/scenario/limits.hpp"
#include "loadgen/scenario/read_parts.hpp"

namespace qck::scenario {
namespace {

constexpr std::array<std::string_view, 7> methods{"GET",   "HEAD",   "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};
constexpr std::string_view method_wanted = "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS";

bool is_method(std::string_view text) {
    return std::find(methods.begin(), methods.end(), text) != methods.end();
}

http::Method method_of(std::string_view text) {
    static constexpr std::array<http::Method, 7> values{
        http::Method::get,   http::Method::head,    http::Method::post,   http::Method::put,
        http::Method::patch, http::Method::delete_, http::Method::options};
    return values[static_cast<std::size_t>(std::find(methods.begin(), methods.end(), text) -
                                           methods.begin())];
}

/// Origin form (RFC 9112 section 3.2.1) of visible ASCII, but braces only as placeholders.
bool is_path(std::string_view text) {
    if (text.empty() || text[0] != '/' || text.size() > limits::path_bytes_max) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '}') return false;
        if (c != '{') continue;
        const std::size_t end = text.find('}', i);
        if (end == std::string_view::npos) return false;
        const std::string_view name = text.substr(i, end - i + 1);
        if (name != "{link}" && name != "{unknown}" && name != "{n}") return false;
        i = end;
    }
    return true;
}

std::string in_lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return lower;
}

/// Why a header may not be set by a scenario; empty when it may.
std::string_view set_elsewhere(std::string_view name) {
    const std::string lower = in_lower_case(name);
    if (lower == "user-agent") return "set it with user_agent";
    for (const std::string_view own :
         {"host", "connection", "content-length", "transfer-encoding", "expect", "upgrade"}) {
        if (lower == own) return "qck sets this header itself";
    }
    return {};
}

void take_headers(FieldReader& request, RequestKind& kind) {
    const JsonNode* const node = request.optional("headers");
    if (node == nullptr) return;
    Problems& problems = request.problems();
    const std::string path = request.path_of("headers");
    FieldReader fields(*node, path, problems);
    if (node->members.size() > limits::headers_max) {
        problems.add(node->line, path,
                     "expected at most 50 headers, got " + std::to_string(node->members.size()));
        return;
    }
    for (const JsonNode::Member& member : node->members) {
        const std::string at = fields.path_of(member.key);
        if (!is_token(member.key)) {
            problems.add(member.line, at,
                         "not a header name (1 to 64 letters, digits and !#$%&'*+-.^_`|~)");
        } else if (const auto why = set_elsewhere(member.key); !why.empty()) {
            problems.add(member.line, at, why);
        } else if (!member.value.is(JsonNode::Kind::string) ||
                   !is_header_value(member.value.text)) {
            problems.expected(member.value, at, header_value_wanted);
        } else {
            kind.headers.emplace_back(member.key, member.value.text);
        }
    }
}

void take_body(FieldReader& request, RequestKind& kind) {
    take_text(
        request, "body", Need::optional, "a string of at most 65536 bytes",
        [](std::string_view text) { return text.size() <= limits::body_bytes_max; }, kind.body);
    const JsonNode* const body = request.optional("body");
    if (body != nullptr &&
        (kind.method == http::Method::get || kind.method == http::Method::head)) {
        request.problems().add(body->line, request.path_of("body"),
                               "a GET or HEAD request has no body");
    }
}

void take_expect(FieldReader& request, RequestKind& kind) {
    static constexpr std::string_view wanted =
        "an array of 1 to 20 different statuses from 200 to 599";
    const JsonNode* const node = request.optional("expect");
    if (node == nullptr) return;
    const auto is_status = [](const JsonNode& item) {
        return item.whole && *item.whole >= limits::status_min && *item.whole <= limits::status_max;
    };
    std::vector<std::uint16_t> statuses;
    if (node->is(JsonNode::Kind::array) && node->items.size() <= limits::expect_max) {
        for (const JsonNode& item : node->items) {
            if (is_status(item)) statuses.push_back(static_cast<std::uint16_t>(*item.whole));
        }
    }
    kind.expect = statuses;
    std::sort(statuses.begin(), statuses.end());
    const bool twice = std::adjacent_find(statuses.begin(), statuses.end()) != statuses.end();
    if (statuses.empty() || statuses.size() != node->items.size() || twice) {
        request.problems().expected(*node, request.path_of("expect"), wanted);
    }
}

RequestKind read_request(const JsonNode& node, const std::string& path, Problems& problems) {
    FieldReader fields(node, path, problems);
    RequestKind kind;
    if (!node.is(JsonNode::Kind::object)) return kind;
    take_text(fields, "name", Need::optional, name_wanted, is_name, kind.name);
    take_number(fields, "weight", 0.000001, 1e6, kind.weight);
    std::string method = "GET";
    take_text(fields, "method", Need::optional, method_wanted, is_method, method);
    kind.method = method_of(method);
    take_text(fields, "path", Need::optional,
              "a path that begins with /, of visible ASCII without #, with nothing in braces "
              "but {link}, {unknown} and {n}",
              is_path, kind.path);
    take_headers(fields, kind);
    take_body(fields, kind);
    take_expect(fields, kind);
    fields.refuse_others();
    if (kind.name.empty()) kind.name = method + " " + kind.path;
    return kind;
}

}  // namespace

std::vector<RequestKind> read_requests(FieldReader& document) {
    static constexpr std::string_view wanted = "an array of 1 to 100 requests";
    std::vector<RequestKind> kinds;
    const JsonNode* const node = document.optional("requests");
    if (node == nullptr) {
        kinds.emplace_back();
        kinds.back().name = "GET /{link}";
        return kinds;
    }
    if (!node->is(JsonNode::Kind::array) || node->items.empty() ||
        node->items.size() > limits::requests_max) {
        document.problems().expected(*node, "requests", wanted);
        return kinds;
    }
    for (std::size_t i = 0; i < node->items.size(); ++i) {
        kinds.push_back(read_request(node->items[i], "requests[" + std::to_string(i) + "]",
                                     document.problems()));
    }
    return kinds;
}

}  // namespace qck::scenario
