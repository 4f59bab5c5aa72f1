#include "services/ingest/incoming.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <string>

#include "services/clicks/amount.hpp"
#include "services/links/link_rules.hpp"
#include "services/links/time_text.hpp"

namespace qck::ingest {
namespace {

constexpr std::size_t header_bytes_max = 2048;
constexpr std::size_t ip_bytes_max = 45;

Error wrong(std::string_view field, const std::string& why) {
    return error(Errc::invalid_argument, std::string(field) + ": " + why);
}

/// Reads the fields of one object, one at a time, remembering which were there.
/// `Names` are the fields that may be, in the order of their numbers.
template <std::size_t count>
class FieldSet {
public:
    explicit FieldSet(const std::array<std::string_view, count>& names) : names_(names) {}

    /// The number of a field's name, if it may be there, and for the first time.
    Result<std::size_t> take(const Field& field) {
        // Clients write the fields of each object in the same order: the next one is likely.
        for (std::size_t tried = 0; tried < count; ++tried) {
            const std::size_t i = likely_;
            likely_ = i + 1 == count ? 0 : i + 1;
            if (names_[i] != field.key) continue;
            if ((seen_ & (1U << i)) != 0) return wrong(field.key, "appears twice");
            seen_ |= 1U << i;
            return i;
        }
        std::string known;
        for (const std::string_view name : names_) {
            known += known.empty() ? "" : ", ";
            known += name;
        }
        return error(Errc::invalid_argument, "unknown field \"" +
                                                 std::string(field.key.substr(0, 40)) +
                                                 "\" (known: " + known + ")");
    }

private:
    const std::array<std::string_view, count>& names_;
    std::uint32_t seen_ = 0;
    std::size_t likely_ = 0;
};

bool absent(const Field& field) { return field.kind == FieldKind::null && field.text == "null"; }

Result<void> read_string(const Field& field, std::size_t bytes_max, std::string_view& out) {
    if (field.kind != FieldKind::string) return wrong(field.key, "expected a string");
    if (field.text.empty() || field.text.size() > bytes_max) {
        return wrong(field.key, "expected 1 to " + std::to_string(bytes_max) + " bytes, got " +
                                    std::to_string(field.text.size()));
    }
    out = field.text;
    return {};
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

Result<void> read_time(const Field& field, std::int64_t now_ms, std::int64_t& out) {
    if (field.kind == FieldKind::string) {
        const auto time = links::parse_time(field.text);
        if (!time) return wrong(field.key, time.error().message);
        out = *time;
    } else {
        const auto time = field.kind == FieldKind::number ? whole_number(field.text) : std::nullopt;
        if (!time) {
            return wrong(field.key, "expected RFC 3339 or whole milliseconds since 1970");
        }
        out = *time;
    }
    if (out > now_ms + ahead_ms_max) return wrong(field.key, "more than an hour ahead");
    if (out < now_ms - behind_ms_max) {
        return wrong(field.key, "more than two years ago (in milliseconds since 1970?)");
    }
    return {};
}

Result<void> read_amount(const Field& field, IncomingEvent& out) {
    if (field.kind != FieldKind::number) return wrong(field.key, "expected a number");
    const auto amount = clicks::parse_amount(field.text);
    if (!amount) return wrong(field.key, amount.error().message);
    out.has_amount = true;
    out.amount_micros = *amount;
    return {};
}

Result<void> read_country(const Field& field, std::string_view& country) {
    if (const auto read = read_string(field, 2, country); !read) return read;
    for (const char c : country) {
        if ((c | 0x20) < 'a' || (c | 0x20) > 'z') country = {};
    }
    if (country.size() != 2) return wrong(field.key, "expected two letters");
    return {};
}

Result<void> read_method(const Field& field, bool& head) {
    head = field.kind == FieldKind::string && field.text == "HEAD";
    if (head || (field.kind == FieldKind::string && field.text == "GET")) return {};
    return wrong(field.key, "expected \"GET\" or \"HEAD\"");
}

Result<void> read_code(const Field& field, std::string_view& code) {
    if (const auto read = read_string(field, links::code_bytes_max, code); !read) return read;
    if (const auto good = links::check_code(code); !good) {
        return wrong(field.key, good.error().message);
    }
    return {};
}

constexpr std::array<std::string_view, 5> event_fields{"event_id", "event_type", "timestamp",
                                                       "product_id", "order_amount"};
constexpr std::array<std::string_view, 9> click_fields{"event_id", "code",    "timestamp",
                                                       "method",   "ip",      "user_agent",
                                                       "referrer", "purpose", "country"};

Result<void> read_event_field(std::size_t number, const Field& field, std::int64_t now_ms,
                              IncomingEvent& out) {
    switch (number) {
        case 0:
            return read_string(field, event_id_bytes_max, out.event_id);
        case 1:
            return read_string(field, event_type_bytes_max, out.type);
        case 2:
            return read_time(field, now_ms, out.time_ms);
        case 3:
            return read_string(field, product_id_bytes_max, out.product);
        default:
            return read_amount(field, out);
    }
}

Result<void> read_click_field(std::size_t number, const Field& field, std::int64_t now_ms,
                              IncomingClick& out) {
    switch (number) {
        case 0:
            return read_string(field, event_id_bytes_max, out.event_id);
        case 1:
            return read_code(field, out.code);
        case 2:
            return read_time(field, now_ms, out.time_ms);
        case 3:
            return read_method(field, out.head);
        case 4:
            return read_string(field, ip_bytes_max, out.ip);
        case 5:
            return read_string(field, header_bytes_max, out.user_agent);
        case 6:
            return read_string(field, header_bytes_max, out.referrer);
        case 7:
            return read_string(field, header_bytes_max, out.purpose);
        default:
            return read_country(field, out.country);
    }
}

}  // namespace

Result<IncomingEvent> event_from(std::span<const Field> fields, std::int64_t now_ms) {
    IncomingEvent event;
    event.time_ms = now_ms;
    FieldSet names(event_fields);
    for (const Field& field : fields) {
        const auto number = names.take(field);
        if (!number) return number.error();
        if (absent(field)) continue;
        if (const auto read = read_event_field(*number, field, now_ms, event); !read) {
            return read.error();
        }
    }
    if (event.type.empty()) return wrong("event_type", "missing (a string of 1 to 64 bytes)");
    return event;
}

Result<IncomingClick> click_from(std::span<const Field> fields, std::int64_t now_ms) {
    IncomingClick click;
    click.time_ms = now_ms;
    FieldSet names(click_fields);
    for (const Field& field : fields) {
        const auto number = names.take(field);
        if (!number) return number.error();
        if (absent(field)) continue;
        if (const auto read = read_click_field(*number, field, now_ms, click); !read) {
            return read.error();
        }
    }
    if (click.code.empty()) return wrong("code", "missing (the short code that was asked for)");
    return click;
}

}  // namespace qck::ingest
