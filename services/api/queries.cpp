#include "services/api/queries.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <utility>

#include "base/http/target.hpp"
#include "services/links/link_rules.hpp"
#include "services/links/time_text.hpp"

namespace qck::api {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

Error wrong(std::string_view name, std::string_view expected) {
    return error(Errc::invalid_argument,
                 "parameter \"" + std::string(name) + "\": expected " + std::string(expected));
}

struct Parameter {
    std::string_view name;
    /// Takes the decoded value; false when it is wrong.
    std::function<bool(std::string)> take;
    std::string_view expected;
};

Result<void> read_parameters(std::string_view query, std::initializer_list<Parameter> known) {
    std::vector<std::string> seen;
    for (http::QueryParameters given(query); given.next();) {
        const auto name = http::percent_decode(given.name(), http::Plus::is_space);
        auto value = http::percent_decode(given.value(), http::Plus::is_space);
        const auto parameter = std::find_if(known.begin(), known.end(), [&](const auto& candidate) {
            return name && candidate.name == *name;
        });
        if (parameter == known.end()) {
            std::string names;
            for (const auto& candidate : known) {
                names.append(names.empty() ? "" : ", ").append(candidate.name);
            }
            return error(Errc::invalid_argument, "unknown parameter \"" +
                                                     std::string(given.name().substr(0, 64)) +
                                                     "\": expected " + names);
        }
        if (std::find(seen.begin(), seen.end(), *name) != seen.end()) {
            return wrong(*name, "it only once");
        }
        seen.push_back(*name);
        if (!value || !parameter->take(std::move(*value))) {
            return wrong(parameter->name, parameter->expected);
        }
    }
    return {};
}

bool take_time(const std::string& text, std::int64_t& time_ms) {
    const auto parsed = links::parse_time(text);
    if (parsed) time_ms = *parsed;
    return parsed.has_value();
}

/// Sets `flag` to whether `text` is `on`; false when it is neither `on` nor `off`.
bool take_choice(std::string_view text, std::string_view off, std::string_view on, bool& flag) {
    flag = text == on;
    return flag || text == off;
}

}  // namespace

Result<ListQuery> read_list_query(std::string_view query, std::size_t limit_max) {
    ListQuery list;
    list.limit = std::min(list.limit, limit_max);
    const auto limit_expected = "a number from 1 to " + std::to_string(limit_max);
    const auto take_limit = [&](const std::string& text) {
        const auto end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, list.limit);
        return parsed.ec == std::errc{} && parsed.ptr == end && list.limit >= 1 &&
               list.limit <= limit_max;
    };
    const auto take_after = [&](std::string text) {
        list.after = std::move(text);
        return list.after.empty() || links::check_code(list.after).has_value();
    };
    auto good = read_parameters(
        query, {{"limit", take_limit, limit_expected}, {"after", take_after, "a code"}});
    if (!good) return good.error();
    return list;
}

Result<BatchOptions> read_batch_query(std::string_view query, std::size_t items_max) {
    BatchOptions options;
    options.items_max = items_max;
    const auto take_on_error = [&](const std::string& text) {
        return take_choice(text, "continue", "stop", options.stop_at_error);
    };
    const auto take_results = [&](const std::string& text) {
        return take_choice(text, "all", "errors", options.errors_only);
    };
    const auto take_expired = [&](const std::string& text) {
        return take_choice(text, "refuse", "allow", options.expired_allowed);
    };
    auto good = read_parameters(query, {{"on_error", take_on_error, "continue or stop"},
                                        {"results", take_results, "all or errors"},
                                        {"expired", take_expired, "refuse or allow"}});
    if (!good) return good.error();
    return options;
}

Result<AnalyticsQuery> read_analytics_query(std::string_view query, std::int64_t now_ms) {
    AnalyticsQuery asked;
    asked.query.until_ms = now_ms + 1;
    asked.query.since_ms = -1;
    bool total = false;
    const auto take_type = [&](std::string text) {
        asked.type = std::move(text);
        return !asked.type.empty();
    };
    const auto take_since = [&](const std::string& text) {
        return take_time(text, asked.query.since_ms);
    };
    const auto take_until = [&](const std::string& text) {
        return take_time(text, asked.query.until_ms);
    };
    const auto take_granularity = [&](const std::string& text) {
        return take_choice(text, "hour", "total", total);
    };
    constexpr std::string_view time = "an RFC 3339 time such as 2026-12-31T23:59:59Z";
    auto good = read_parameters(query, {{"type", take_type, "a type of event"},
                                        {"since", take_since, time},
                                        {"until", take_until, time},
                                        {"granularity", take_granularity, "hour or total"}});
    if (!good) return good.error();
    if (total) asked.query.granularity = analytics::Granularity::total;
    if (asked.query.since_ms < 0) {
        asked.query.since_ms = std::max<std::int64_t>(0, asked.query.until_ms - day_ms);
    }
    if (asked.query.since_ms >= asked.query.until_ms) {
        return wrong("since", "a time before that of \"until\"");
    }
    return asked;
}

}  // namespace qck::api
