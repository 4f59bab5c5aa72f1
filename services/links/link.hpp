#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace qck::links {

/// A short code and where it leads. Ids are unique for ever and never 0.
struct Link {
    std::uint64_t id = 0;
    std::string code;
    std::string target;
    std::uint16_t status = 302;                 ///< 301, 302, 307 or 308
    std::optional<std::uint32_t> max_age_s;     ///< Cache-Control: public, max-age=…
    std::optional<std::int64_t> expires_at_ms;  ///< from then on 410
    std::uint64_t version = 1;                  ///< raised by every change; orders fills and edits
    std::int64_t created_at_ms = 0;
    std::int64_t updated_at_ms = 0;
};

}  // namespace qck::links
