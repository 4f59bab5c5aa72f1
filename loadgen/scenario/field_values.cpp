#include "loadgen/scenario/field_values.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/units.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::scenario {
namespace {

const JsonNode* take(FieldReader& from, std::string_view key, Need need, std::string_view wanted) {
    return need == Need::required ? from.required(key, wanted) : from.optional(key);
}

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string short_number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.15g", value);
    return text.data();
}

/// Above 0, or "0" and the like where zero is allowed.
Result<double> rate_of(const JsonNode& node) {
    if (node.is(JsonNode::Kind::number)) return node.number;
    if (!node.is(JsonNode::Kind::string)) return error(Errc::invalid_argument, "");
    if (node.text == "0") return 0.0;
    return parse_rate(node.text);
}

}  // namespace

void take_rate(FieldReader& from, std::string_view key, Need need, Zero zero, double& out) {
    const bool zero_too = zero == Zero::allowed;
    const std::string_view wanted =
        zero_too ? "a rate of 0 or more (10M, 250k or 1500)" : "a rate above 0";
    const JsonNode* const node = take(from, key, need, wanted);
    if (node == nullptr) return;
    const auto rate = rate_of(*node);
    if (!rate || !(*rate > 0 || (zero_too && *rate == 0))) {
        const bool readable =
            rate.has_value() || (node->is(JsonNode::Kind::string) && node->text.rfind('-', 0) == 0);
        from.problems().expected(
            *node, from.path_of(key),
            readable || zero_too ? wanted : "a rate above 0 (10M, 250k or 1500)");
        return;
    }
    if (*rate > limits::rate_max) {
        from.problems().expected(*node, from.path_of(key), "a rate of at most 1G");
        return;
    }
    out = *rate;
}

void take_duration(FieldReader& from, std::string_view key, Need need,
                   std::chrono::nanoseconds longest, std::string_view longest_text,
                   std::chrono::nanoseconds& out) {
    const std::string wanted =
        "a time above 0 and at most " + std::string(longest_text) + " (500ms, 10s or 5m)";
    const JsonNode* const node = take(from, key, need, wanted);
    if (node == nullptr) return;
    if (node->is(JsonNode::Kind::string)) {
        const auto span = parse_duration(node->text);
        if (span && span->count() > 0 && *span <= longest) {
            out = *span;
            return;
        }
    }
    from.problems().expected(*node, from.path_of(key), wanted);
}

void take_number(FieldReader& from, std::string_view key, double least, double most, double& out) {
    const JsonNode* const node = from.optional(key);
    if (node == nullptr) return;
    if (node->is(JsonNode::Kind::number) && node->number >= least && node->number <= most) {
        out = node->number;
        return;
    }
    from.problems().expected(*node, from.path_of(key),
                             "a number from " + short_number(least) + " to " + short_number(most));
}

void take_share(FieldReader& from, std::string_view key, double& out) {
    const JsonNode* const node = from.optional(key);
    if (node == nullptr) return;
    if (node->is(JsonNode::Kind::number) && node->number >= 0 && node->number <= 1) {
        out = node->number;
        return;
    }
    from.problems().expected(*node, from.path_of(key), "a share from 0 to 1");
}

void take_whole(FieldReader& from, std::string_view key, std::uint64_t least, std::uint64_t most,
                std::uint64_t& out) {
    const JsonNode* const node = from.optional(key);
    if (node == nullptr) return;
    if (node->whole && *node->whole >= least && *node->whole <= most) {
        out = *node->whole;
        return;
    }
    from.problems().expected(
        *node, from.path_of(key),
        "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

void take_whole(FieldReader& from, std::string_view key, std::uint32_t least, std::uint32_t most,
                std::uint32_t& out) {
    std::uint64_t wide = out;
    take_whole(from, key, std::uint64_t{least}, std::uint64_t{most}, wide);
    out = static_cast<std::uint32_t>(wide);
}

void take_text(FieldReader& from, std::string_view key, Need need, std::string_view expected,
               bool (*accept)(std::string_view), std::string& out) {
    const JsonNode* const node = take(from, key, need, expected);
    if (node == nullptr) return;
    if (node->is(JsonNode::Kind::string) && accept(node->text)) {
        out = node->text;
        return;
    }
    from.problems().expected(*node, from.path_of(key), expected);
}

bool is_name(std::string_view text) {
    if (text.empty() || text.size() > 64 || !is_alphanumeric(text[0])) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || c == '_' || c == '-' || c == '.';
    });
}

bool is_code(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || c == '_' || c == '-';
    });
}

bool is_token(std::string_view text) {
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || marks.find(c) != std::string_view::npos;
    });
}

bool is_header_value(std::string_view text) {
    if (text.size() > 4096) return false;
    if (!text.empty() && (text.front() == ' ' || text.front() == '\t')) return false;
    if (!text.empty() && (text.back() == ' ' || text.back() == '\t')) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || c == '\t';
    });
}

}  // namespace qck::scenario
