#include "loadgen/report/html_text.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"

namespace qck::report {
namespace {

/// Bytes of the well-formed UTF-8 character (RFC 3629) that `text` begins with; 0 when it begins
/// with none.
std::size_t character_bytes(std::string_view text) {
    const auto at = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto follows = [&at](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
    const unsigned lead = at(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        const bool overlong = lead == 0xe0 && at(1) < 0xa0;
        const bool surrogate = lead == 0xed && at(1) > 0x9f;
        return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        const bool overlong = lead == 0xf0 && at(1) < 0x90;
        const bool beyond = lead == 0xf4 && at(1) > 0x8f;
        return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

std::string_view entity_of(char c) {
    switch (c) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\'':
            return "&#39;";
        default:
            return {};
    }
}

}  // namespace

std::string escaped(std::string_view text) {
    static constexpr std::string_view replacement = "\xef\xbf\xbd";
    std::string out;
    while (!text.empty()) {
        const std::size_t bytes = character_bytes(text);
        const auto lead = static_cast<unsigned char>(text[0]);
        const bool control = (lead < 0x20 && lead != '\n' && lead != '\t') || lead == 0x7f;
        if (const auto entity = entity_of(text[0]); !entity.empty()) {
            out += entity;
        } else {
            out += bytes == 0 || control ? replacement : text.substr(0, bytes);
        }
        text.remove_prefix(bytes == 0 ? 1 : bytes);
    }
    return out;
}

std::string json_for_script(std::string json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
        const std::string_view three = std::string_view(json).substr(i, 3);
        if (json[i] == '<') {
            out += "\\u003c";
        } else if (json[i] == '>') {
            out += "\\u003e";
        } else if (json[i] == '&') {
            out += "\\u0026";
        } else if (three == "\xe2\x80\xa8" || three == "\xe2\x80\xa9") {
            out += three.back() == '\xa8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else {
            out += json[i];
        }
    }
    return out;
}

std::string micros_text(double us) {
    return format_duration(std::chrono::nanoseconds(std::llround(us * 1e3)));
}

std::string micros_html(const std::optional<Latency>& latency, double Latency::*figure) {
    return latency ? micros_text((*latency).*figure) : "&ndash;";
}

std::string share_text(double share) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), share != 0 && share < 0.01 ? "%.2g %%" : "%.3g %%",
                  share * 100);
    return text.data();
}

}  // namespace qck::report
