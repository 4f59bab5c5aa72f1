#include "loadgen/replay/log_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "loadgen/replay/json_depth.hpp"
#include "loadgen/replay/log_time.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::replay {
namespace {

using Json = nlohmann::json;

constexpr std::size_t depth_max = 64;

ParsedLine malformed(std::string why) {
    ParsedLine line;
    line.why = std::move(why);
    return line;
}

std::optional<http::Method> method_of(std::string_view name) {
    if (name == "GET") return http::Method::get;
    if (name == "HEAD") return http::Method::head;
    if (name == "POST") return http::Method::post;
    if (name == "PUT") return http::Method::put;
    if (name == "PATCH") return http::Method::patch;
    if (name == "DELETE") return http::Method::delete_;
    return std::nullopt;
}

bool is_method_name(std::string_view name) {
    return !name.empty() && name.size() <= 20 &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// The line of a request whose parts are known; decides what becomes of its method.
ParsedLine request_line(std::string_view method, std::string_view target, LogTime at,
                        std::optional<std::string> body = std::nullopt) {
    if (!is_method_name(method)) return malformed("expected a method such as GET");
    ParsedLine line;
    line.request.path = sendable_path(target);
    if (line.request.path.empty()) return malformed("expected a path that can be asked for");
    line.request.at_ns = at.ns;
    line.request.whole_second = at.whole_second;
    const auto known = method_of(method);
    const bool needs_body = known && *known != http::Method::get && *known != http::Method::head;
    if (!known || (needs_body && !body)) {
        line.kind = LineKind::other_method;
        return line;
    }
    line.kind = LineKind::request;
    line.request.method = *known;
    if (needs_body && body) {
        line.request.has_body = true;
        line.request.body = std::move(*body);
    }
    return line;
}

/// `GET /x HTTP/1.1` in its parts; both empty when it is no request line.
std::pair<std::string_view, std::string_view> split_request(std::string_view text) {
    const auto first = text.find(' ');
    const auto last = text.rfind(' ');
    if (first == std::string_view::npos) return {};
    // HTTP/0.9 had no version; its requests have no second space.
    const auto end =
        last > first && text.substr(last + 1).starts_with("HTTP/") ? last : text.size();
    return {text.substr(0, first), text.substr(first + 1, end - first - 1)};
}

/// Where the quoted text that begins at `from` ends; nginx writes a quote as \x22, Apache as \".
std::size_t end_of_quote(std::string_view line, std::size_t from) {
    for (std::size_t at = from; at < line.size(); ++at) {
        if (line[at] == '\\') {
            ++at;
        } else if (line[at] == '"') {
            return at;
        }
    }
    return std::string_view::npos;
}

/// By the status that a log has; what is none leaves the line as it is.
ParsedLine with_status(ParsedLine line, std::string_view text) {
    unsigned status = 0;
    const char* const end = text.data() + text.size();
    const auto taken = std::from_chars(text.data(), end, status);
    if (taken.ec == std::errc() && taken.ptr == end && status >= 100 && status <= 999) {
        line.request.may_be_refused = status >= 400 && status < 500;
    }
    return line;
}

/// The first word of `text`, spaces before it left out.
std::string_view first_word(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return text.substr(0, text.find(' '));
}

ParsedLine parse_common(std::string_view line) {
    const auto open = line.find('[');
    const auto close = line.find(']', open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) {
        return malformed("expected a time in brackets");
    }
    const auto at = common_log_time(line.substr(open + 1, close - open - 1));
    if (!at) return malformed("expected a time such as [10/Oct/2000:13:55:36 -0700]");
    const auto quote = line.find('"', close);
    const auto end = quote == std::string_view::npos ? quote : end_of_quote(line, quote + 1);
    if (end == std::string_view::npos) return malformed("expected a request in quotes");
    const auto [method, target] = split_request(line.substr(quote + 1, end - quote - 1));
    return with_status(request_line(method, target, *at), first_word(line.substr(end + 1)));
}

ParsedLine parse_ms_uri(std::string_view line) {
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos) return malformed("expected milliseconds, a tab and a URI");
    double ms = 0;
    const char* const end = line.data() + tab;
    const auto taken = std::from_chars(line.data(), end, ms, std::chars_format::fixed);
    if (taken.ec != std::errc() || taken.ptr != end || !(ms >= 0 && ms < 9e15 / 1e3)) {
        return malformed("expected milliseconds before the tab");
    }
    return request_line("GET", line.substr(tab + 1), {static_cast<std::int64_t>(ms * 1e6), false});
}

/// The first of these members that there is; null when none is.
const Json* member(const Json& object, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        if (const auto found = object.find(name); found != object.end()) return &*found;
    }
    return nullptr;
}

std::optional<LogTime> json_time(const Json& object) {
    const Json* const time =
        member(object, {"time", "timestamp", "@timestamp", "ts", "time_iso8601", "msec"});
    if (time == nullptr) return std::nullopt;
    if (time->is_number()) return number_time(time->get<double>());
    if (!time->is_string()) return std::nullopt;
    const auto& text = time->get_ref<const std::string&>();
    double number = 0;
    const auto taken = std::from_chars(text.data(), text.data() + text.size(), number);
    if (taken.ec == std::errc() && taken.ptr == text.data() + text.size()) {
        return number_time(number);
    }
    if (const auto iso = iso_time(text)) return iso;
    return common_log_time(text);
}

ParsedLine parse_ndjson(std::string_view line) {
    if (json_depth_of(line) > depth_max)
        return malformed("expected JSON that is nested 64 deep at most");
    const Json object = Json::parse(line, nullptr, false);
    if (!object.is_object()) return malformed("expected a JSON object");
    const auto at = json_time(object);
    if (!at) return malformed("expected a time (time, timestamp, @timestamp, ts or msec)");
    const auto text_of = [](const Json* json) -> std::string {
        return json != nullptr && json->is_string() ? json->get<std::string>() : std::string();
    };
    std::optional<std::string> body;
    if (const Json* const sent = member(object, {"body", "request_body"}); sent != nullptr) {
        if (sent->is_string()) body = sent->get<std::string>();
        if (sent->is_object() || sent->is_array()) body = sent->dump();
        if (body && body->size() > scenario::limits::body_bytes_max) {
            return malformed("expected a body of at most 64 KB");
        }
    }
    std::string method = text_of(member(object, {"method", "request_method", "verb"}));
    std::string target = text_of(member(object, {"uri", "url", "path", "request_uri", "target"}));
    const Json* const answered = member(object, {"status", "status_code", "response_status"});
    const bool number = answered != nullptr && answered->is_number_unsigned();
    const std::string status = number ? answered->dump() : text_of(answered);
    if (target.empty()) {
        const std::string whole = text_of(member(object, {"request"}));
        const auto [verb, path] = split_request(whole);
        if (path.empty()) return malformed("expected a path (uri, url, path or request)");
        return with_status(request_line(verb, path, *at, std::move(body)), status);
    }
    return with_status(request_line(method.empty() ? "GET" : method, target, *at, std::move(body)),
                       status);
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (!line.empty()) {
        const auto end = std::min(line.find_first_of(" \t"), line.size());
        if (end > 0) words.push_back(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void append_escaped(std::string& out, unsigned char byte) {
    static constexpr char digits[] = "0123456789ABCDEF";
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

}  // namespace

std::string_view to_string(LogFormat format) {
    switch (format) {
        case LogFormat::common:
            return "common";
        case LogFormat::w3c:
            return "w3c";
        case LogFormat::ndjson:
            return "ndjson";
        case LogFormat::ms_uri:
            return "ms-uri";
    }
    return "";
}

Result<LogFormat> parse_log_format(std::string_view text) {
    if (text == "combined") return LogFormat::common;
    for (const auto format :
         {LogFormat::common, LogFormat::w3c, LogFormat::ndjson, LogFormat::ms_uri}) {
        if (text == to_string(format)) return format;
    }
    return error(Errc::invalid_argument,
                 "'" + std::string(text) +
                     "' is not a format (known: common, combined, w3c, ndjson, ms-uri)");
}

std::string sendable_path(std::string_view target) {
    if (const auto scheme = target.find("://");
        scheme != std::string_view::npos && scheme < target.find_first_of("/?#")) {
        const auto path = target.find_first_of("/?#", scheme + 3);
        target = path == std::string_view::npos ? "/" : target.substr(path);
    }
    target = target.substr(0, target.find('#'));
    if (!target.starts_with('/')) return {};
    // What RFC 3986 lets stand in a path and a query, and what browsers send besides.
    static constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?[]@!$&'()*+,;=%|{}^`";
    std::string path;
    for (std::size_t at = 0; at < target.size(); ++at) {
        const bool escape = target[at] == '\\' && at + 3 < target.size() && target[at + 1] == 'x' &&
                            hex_digit(target[at + 2]) >= 0 && hex_digit(target[at + 3]) >= 0;
        if (escape) {
            append_escaped(path, static_cast<unsigned char>(hex_digit(target[at + 2]) * 16 +
                                                            hex_digit(target[at + 3])));
            at += 3;
        } else if (target[at] == '\\' && at + 1 < target.size() &&
                   (target[at + 1] == '"' || target[at + 1] == '\\')) {
            append_escaped(path, static_cast<unsigned char>(target[++at]));
        } else if (plain.find(target[at]) != std::string_view::npos) {
            path += target[at];
        } else {
            append_escaped(path, static_cast<unsigned char>(target[at]));
        }
        if (path.size() > scenario::limits::path_bytes_max) return {};
    }
    return path;
}

ParsedLine LineParser::parse(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) {
        ParsedLine empty;
        empty.kind = LineKind::remark;
        return empty;
    }
    switch (format_) {
        case LogFormat::common:
            return parse_common(line);
        case LogFormat::w3c:
            return parse_w3c(line);
        case LogFormat::ndjson:
            return parse_ndjson(line);
        case LogFormat::ms_uri:
            return parse_ms_uri(line);
    }
    return {};
}

void LineParser::take_fields(std::string_view names) {
    fields_.clear();
    for (const std::string_view name : words_of(names)) fields_.emplace_back(name);
}

ParsedLine LineParser::parse_w3c(std::string_view line) {
    if (line.starts_with('#')) {
        constexpr std::string_view directive = "#Fields:";
        if (line.starts_with(directive)) take_fields(line.substr(directive.size()));
        ParsedLine remark;
        remark.kind = LineKind::remark;
        return remark;
    }
    const auto words = words_of(line);
    if (fields_.empty()) return malformed("expected #Fields before the first request");
    if (words.size() != fields_.size()) {
        return malformed("expected " + std::to_string(fields_.size()) + " fields");
    }
    const auto value = [&](std::string_view name) -> std::string_view {
        const auto at = std::find(fields_.begin(), fields_.end(), name);
        if (at == fields_.end()) return {};
        return words[static_cast<std::size_t>(at - fields_.begin())];
    };
    const auto at = iso_time(std::string(value("date")) + "T" + std::string(value("time")) + "Z");
    if (!at) return malformed("expected a date and a time");
    std::string target(value("cs-uri"));
    if (target.empty() || target == "-") {
        target = value("cs-uri-stem");
        const std::string_view query = value("cs-uri-query");
        if (!query.empty() && query != "-") target += "?" + std::string(query);
    }
    const std::string_view method = value("cs-method");
    return with_status(request_line(method.empty() ? "GET" : method, target, *at),
                       value("sc-status"));
}

Result<LogFormat> detect_format(const std::vector<std::string>& lines) {
    std::size_t best = 0;
    LogFormat found = LogFormat::common;
    for (const auto format :
         {LogFormat::common, LogFormat::w3c, LogFormat::ndjson, LogFormat::ms_uri}) {
        LineParser parser(format);
        std::size_t read = 0;
        for (const std::string& line : lines) {
            const LineKind kind = parser.parse(line).kind;
            if (kind == LineKind::request || kind == LineKind::other_method) ++read;
        }
        if (read > best) {
            best = read;
            found = format;
        }
    }
    if (best > 0) return found;
    if (lines.empty()) return error(Errc::invalid_argument, "is empty");
    return error(Errc::invalid_argument,
                 "none of its first " + std::to_string(lines.size()) +
                     " lines is a request of a common, combined, W3C, NDJSON or <ms><TAB><URI> log "
                     "(set --format to see what is wrong with them)");
}

}  // namespace qck::replay
