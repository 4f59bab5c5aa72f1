#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "services/ingest/flat_object.hpp"

namespace qck::ingest {

inline constexpr std::size_t event_id_bytes_max = 128;
inline constexpr std::size_t event_type_bytes_max = 64;
inline constexpr std::size_t product_id_bytes_max = 128;

/// How far a client's clock, and its patience with a queue, may be from ours.
inline constexpr std::int64_t ahead_ms_max = std::int64_t{3'600} * 1000;
inline constexpr std::int64_t behind_ms_max = std::int64_t{731} * 86'400 * 1000;

/// An event as POST /v1/events takes it:
///
///     event_type    string, 1 to 64 bytes; the only one that must be there
///     event_id      string, 1 to 128 bytes: the idempotency key; without one a retry counts again
///     timestamp     RFC 3339 or whole milliseconds since 1970; at most 1 h ahead and 2 years
///                   behind; the time of arrival when absent
///     product_id    string, 1 to 128 bytes
///     order_amount  number with at most 6 decimal places and 1,000,000,000 either way
///
/// null is as good as absent. Any other field is refused by name: one that is misspelt would
/// otherwise be lost without a word.
struct IncomingEvent {
    std::string_view event_id;
    std::string_view type;
    std::string_view product;
    std::int64_t time_ms = 0;
    bool has_amount = false;
    std::int64_t amount_micros = 0;
};

/// A click that was answered elsewhere, as POST /v1/clicks takes it:
///
///     code          string: the short code that was asked for; must be there
///     event_id, timestamp   as for events
///     method        "GET" (default) or "HEAD"
///     ip            string: an IPv4 or IPv6 address
///     user_agent, referrer, purpose (the Sec-Purpose header)   strings, at most 2,048 bytes
///     country       string: two letters
struct IncomingClick {
    std::string_view event_id;
    std::string_view code;
    std::int64_t time_ms = 0;
    bool head = false;
    std::string_view ip;
    std::string_view user_agent;
    std::string_view referrer;
    std::string_view purpose;
    std::string_view country;
};

/// Errors name the field and what was expected. Pure; `now_ms` is the time of arrival.
Result<IncomingEvent> event_from(std::span<const Field> fields, std::int64_t now_ms);
Result<IncomingClick> click_from(std::span<const Field> fields, std::int64_t now_ms);

}  // namespace qck::ingest
