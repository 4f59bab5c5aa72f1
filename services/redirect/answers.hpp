#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/http/serializer.hpp"
#include "services/http_server/output.hpp"

namespace qck::redirect {

/// Writes the ready-made answers of the redirect listener; owned by one reactor.
///
/// An answer is bytes that are known beforehand, the date, and bytes that are known beforehand.
class Answers {
public:
    enum class Kind : std::uint8_t {
        not_found,
        expired,
        journal_full,  ///< 503: a click could not be counted
        overloaded,    ///< 503: too many lookups are under way
        store_down,    ///< 503: the link store does not answer
        bad_method,
        healthy,
    };

    /// Keeps the Date current, also when the clock is set back; cheap unless the second has
    /// changed.
    void set_time(std::int64_t wall_ms) {
        if (wall_ms >= next_second_ms_ || wall_ms < next_second_ms_ - 1000) renew_date(wall_ms);
    }

    /// `head` is cache::L1Entry::head().
    void redirect(http_server::Output& out, std::string_view head, bool keep_alive) const;
    void fixed(http_server::Output& out, Kind kind, bool head_only, bool keep_alive) const;

private:
    void renew_date(std::int64_t wall_ms);

    std::int64_t next_second_ms_ = 0;
    std::array<char, http::http_date_bytes> date_{};
};

}  // namespace qck::redirect
