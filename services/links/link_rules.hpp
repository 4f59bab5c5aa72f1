#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/links/link.hpp"
#include "services/links/link_store.hpp"

namespace qck::links {

/// What a link may be; the same for every entry (API, batch, import, edit). See check_target for
/// targets.
struct LinkRules {
    /// Hosts under which this service answers, `qck.example` (any port) or `127.0.0.1:8080`: a
    /// target that leads to one of our own codes would loop. A loopback or wildcard address stands
    /// for every loopback name of that port.
    std::vector<std::string> own_hosts;
    std::size_t target_bytes_max = 2048;
    std::int64_t max_age_s_max = 31'536'000;
    /// For restoring what was exported: a link may have expired already.
    bool past_expiry_allowed = false;
};

inline constexpr std::size_t code_bytes_max = 64;

/// A link as somebody asks for it. Without a code one is generated.
struct LinkDraft {
    std::string target;
    std::optional<std::string> code;
    std::optional<std::int64_t> status;
    std::optional<std::int64_t> max_age_s;
    std::optional<std::int64_t> expires_at_ms;
};

/// Each check fails with Errc::invalid_argument and one line that says what was wrong and what was
/// expected. Pure and thread-safe.

/// http or https (any case) with a host and at most target_bytes_max bytes. Refused: control
/// characters, spaces, bytes beyond ASCII, `"<>\`; a user name or password (it hides where a link
/// leads, as in `https://bank.example@evil.example/`); hosts written as numbers in another way than
/// a.b.c.d; own codes.
Result<void> check_target(std::string_view target, const LinkRules& rules);
/// 1 to 64 of A-Z a-z 0-9 _ and -, not reserved.
Result<void> check_code(std::string_view code);
/// 301, 302, 307 or 308.
Result<void> check_status(std::int64_t status);
Result<void> check_max_age(std::int64_t max_age_s, const LinkRules& rules);
/// In the future, unless the rules allow the past.
Result<void> check_expiry(std::int64_t expires_at_ms, const LinkRules& rules, std::int64_t now_ms);

/// `HOST` or `HOST:PORT` as LinkRules::own_hosts has them; the text itself when it is one.
Result<std::string> parse_own_host(std::string_view text);

/// Codes that the redirect listener answers itself.
bool is_reserved(std::string_view code);

/// The link asked for, if every field passes; its id is 0 and its code empty when none was given.
Result<Link> link_from(LinkDraft draft, const LinkRules& rules, std::int64_t now_ms);
/// Whether an edit passes the same checks.
Result<void> check_patch(const LinkPatch& patch, const LinkRules& rules, std::int64_t now_ms);

}  // namespace qck::links
