#include "services/ingest/body.hpp"

#include <algorithm>
#include <array>

#include "base/http/same_but_case.hpp"

namespace qck::ingest {
namespace {

constexpr std::string_view space = " \t\r\n";

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(space) + 1 - first);
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> lower) {
    return std::any_of(lower.begin(), lower.end(),
                       [&](std::string_view each) { return http::same_but_case(text, each); });
}

/// Lines, when the first one ends as it began and another follows; a single object may well be laid
/// out over many lines, the first of which is then not whole.
BodyForm form_by_look(std::string_view body) {
    body = trimmed(body);
    if (!body.empty() && body.front() == '[') return BodyForm::array;
    const auto line_end = body.find('\n');
    if (line_end == std::string_view::npos) return BodyForm::object;
    const std::string_view first = trimmed(body.substr(0, line_end));
    return !first.empty() && first.back() == '}' ? BodyForm::lines : BodyForm::object;
}

Error too_many(std::size_t items_max) {
    return error(Errc::unavailable, "more than " + std::to_string(items_max) + " items");
}

Result<void> cut_lines(std::string_view body, std::size_t items_max, std::vector<Item>& items) {
    std::uint32_t line = 0;
    while (!body.empty()) {
        const auto line_end = body.find('\n');
        const std::string_view text = trimmed(body.substr(0, line_end));
        body.remove_prefix(line_end == std::string_view::npos ? body.size() : line_end + 1);
        ++line;
        if (text.empty()) continue;
        if (items.size() == items_max) return too_many(items_max);
        items.push_back({line, text});
    }
    return {};
}

}  // namespace

Result<BodyForm> form_of(std::string_view content_type, std::string_view body) {
    const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
    if (is_one_of(type, {"application/x-ndjson", "application/ndjson", "application/jsonl"})) {
        return BodyForm::lines;
    }
    if (type.empty() ||
        is_one_of(type, {"application/json", "text/plain", "application/x-www-form-urlencoded"})) {
        return form_by_look(body);
    }
    return error(Errc::invalid_argument, "Content-Type \"" + std::string(type.substr(0, 60)) +
                                             "\" is not taken here (try application/json or "
                                             "application/x-ndjson)");
}

Result<void> cut(std::string_view body, BodyForm form, std::size_t items_max,
                 FlatObjectReader& reader, std::vector<Item>& items) {
    items.clear();
    const std::string_view text = trimmed(body);
    if (text.empty()) return error(Errc::corrupt, "the body is empty");
    if (form == BodyForm::lines) return cut_lines(body, items_max, items);
    if (form == BodyForm::object) {
        items.push_back({1, text});
        return {};
    }
    std::vector<std::string_view> elements;
    if (const auto split = reader.split(text, items_max, elements); !split) return split;
    for (const std::string_view element : elements) {
        items.push_back({static_cast<std::uint32_t>(items.size() + 1), element});
    }
    return {};
}

}  // namespace qck::ingest
