#include "services/links/link_rules.hpp"

#include <algorithm>
#include <array>

#include "services/links/target_url.hpp"
#include "services/links/time_text.hpp"

namespace qck::links {
namespace {

constexpr std::array<std::string_view, 1> reserved_codes{"health"};

bool is_code_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool is_code(std::string_view text) {
    return !text.empty() && text.size() <= code_bytes_max &&
           std::all_of(text.begin(), text.end(), is_code_byte);
}

/// A value from outside, fit for one line of an error message.
std::string quoted(std::string_view value) {
    constexpr std::size_t shown_max = 100;
    std::string text = "\"";
    for (const char c : value.substr(0, shown_max)) {
        const bool plain = c > 0x1f && c < 0x7f;
        if (plain && c != '"' && c != '\\') {
            text += c;
        } else {
            constexpr const char* hex = "0123456789abcdef";
            const auto byte = static_cast<unsigned char>(c);
            text += "\\x";
            text += hex[byte >> 4];
            text += hex[byte & 15];
        }
    }
    if (value.size() > shown_max) text += "...";
    return text + '"';
}

Error refused(std::string message) { return error(Errc::invalid_argument, std::move(message)); }

Error target_refused(std::string_view target, std::string_view why) {
    return refused("target " + quoted(target) + " refused: " + std::string(why));
}

bool leads_to_own_code(const TargetUrl& url, const LinkRules& rules) {
    const bool own = std::any_of(rules.own_hosts.begin(), rules.own_hosts.end(),
                                 [&](const auto& host) { return names_same_place(url, host); });
    if (!own) return false;
    const auto path = plain_path(url.path);
    const auto segment = std::string_view(path).substr(std::min<std::size_t>(1, path.size()));
    return is_code(segment) && !is_reserved(segment);
}

}  // namespace

bool is_reserved(std::string_view code) {
    return std::find(reserved_codes.begin(), reserved_codes.end(), code) != reserved_codes.end();
}

Result<std::string> parse_own_host(std::string_view text) {
    // Whatever can stand between http:// and a path is a host, with or without a port.
    const auto url = parse_target("http://" + std::string(text));
    if (url && url->path.empty() && text.find_first_of("?#") == std::string_view::npos) {
        return std::string(text);
    }
    return refused("'" + std::string(text) +
                   "' is not a host (try qck.example or qck.example:8080)");
}

Result<void> check_target(std::string_view target, const LinkRules& rules) {
    if (target.empty()) return refused("target is empty: expected an http or https address");
    if (target.size() > rules.target_bytes_max) {
        return target_refused(target, "it is " + std::to_string(target.size()) +
                                          " bytes long, at most " +
                                          std::to_string(rules.target_bytes_max) + " are allowed");
    }
    const auto url = parse_target(target);
    if (!url) return target_refused(target, url.error().message);
    if (leads_to_own_code(*url, rules)) {
        return target_refused(target, "it leads back to this service, which would loop");
    }
    return {};
}

Result<void> check_code(std::string_view code) {
    if (!is_code(code)) {
        return refused("code " + quoted(code) +
                       " refused: expected 1 to 64 of the characters A-Z a-z 0-9 _ -");
    }
    if (is_reserved(code)) {
        return refused("code " + quoted(code) + " refused: the service itself answers /" +
                       std::string(code) + " (choose another)");
    }
    return {};
}

Result<void> check_status(std::int64_t status) {
    if (status == 301 || status == 302 || status == 307 || status == 308) return {};
    return refused("status " + std::to_string(status) + " refused: expected 301, 302, 307 or 308");
}

Result<void> check_max_age(std::int64_t max_age_s, const LinkRules& rules) {
    if (max_age_s >= 0 && max_age_s <= rules.max_age_s_max) return {};
    return refused("max_age " + std::to_string(max_age_s) + " refused: expected 0 to " +
                   std::to_string(rules.max_age_s_max) + " seconds");
}

Result<void> check_expiry(std::int64_t expires_at_ms, const LinkRules& rules, std::int64_t now_ms) {
    if (expires_at_ms > now_ms || rules.past_expiry_allowed) return {};
    return refused("expires_at " + format_time(std::max<std::int64_t>(0, expires_at_ms)) +
                   " refused: expected a time in the future (now it is " + format_time(now_ms) +
                   ")");
}

Result<Link> link_from(LinkDraft draft, const LinkRules& rules, std::int64_t now_ms) {
    if (auto good = check_target(draft.target, rules); !good) return good.error();
    Link link;
    link.target = std::move(draft.target);
    if (draft.code) {
        if (auto good = check_code(*draft.code); !good) return good.error();
        link.code = std::move(*draft.code);
    }
    if (draft.status) {
        if (auto good = check_status(*draft.status); !good) return good.error();
        link.status = static_cast<std::uint16_t>(*draft.status);
    }
    if (draft.max_age_s) {
        if (auto good = check_max_age(*draft.max_age_s, rules); !good) return good.error();
        link.max_age_s = static_cast<std::uint32_t>(*draft.max_age_s);
    }
    if (draft.expires_at_ms) {
        if (auto good = check_expiry(*draft.expires_at_ms, rules, now_ms); !good)
            return good.error();
        link.expires_at_ms = draft.expires_at_ms;
    }
    link.created_at_ms = now_ms;
    link.updated_at_ms = now_ms;
    return link;
}

Result<void> check_patch(const LinkPatch& patch, const LinkRules& rules, std::int64_t now_ms) {
    if (patch.target) {
        if (auto good = check_target(*patch.target, rules); !good) return good;
    }
    if (patch.status) {
        if (auto good = check_status(*patch.status); !good) return good;
    }
    if (patch.max_age_s && *patch.max_age_s) {
        if (auto good = check_max_age(**patch.max_age_s, rules); !good) return good;
    }
    if (patch.expires_at_ms && *patch.expires_at_ms) {
        if (auto good = check_expiry(**patch.expires_at_ms, rules, now_ms); !good) return good;
    }
    return {};
}

}  // namespace qck::links
