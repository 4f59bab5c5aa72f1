#include "services/stores/redis/protocol/error_reply.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "services/stores/redis/protocol/key_slot.hpp"

namespace qck::redis {
namespace {

constexpr std::array<std::pair<std::string_view, Refusal>, 13> prefixes{{
    {"MOVED", Refusal::moved},
    {"ASK", Refusal::ask},
    {"TRYAGAIN", Refusal::try_again},
    {"CLUSTERDOWN", Refusal::cluster_down},
    {"READONLY", Refusal::read_only},
    {"LOADING", Refusal::loading},
    {"MASTERDOWN", Refusal::master_down},
    {"BUSY", Refusal::busy},
    {"NOSCRIPT", Refusal::no_script},
    {"NOAUTH", Refusal::permission},
    {"WRONGPASS", Refusal::permission},
    {"NOPERM", Refusal::permission},
    {"OOM", Refusal::out_of_memory},
}};

std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

}  // namespace

ErrorReply parse_error_reply(std::string_view text) {
    const std::string_view prefix = take_word(text);
    ErrorReply parsed;
    for (const auto& [name, refusal] : prefixes) {
        if (prefix == name) parsed.refusal = refusal;
    }
    if (parsed.refusal != Refusal::moved && parsed.refusal != Refusal::ask) return parsed;
    const std::string_view slot = take_word(text);
    const auto failure = std::from_chars(slot.data(), slot.data() + slot.size(), parsed.slot).ec;
    auto endpoint = parse_endpoint(take_word(text));
    if (failure != std::errc{} || parsed.slot >= slot_count || !endpoint) return {};
    parsed.endpoint = *std::move(endpoint);
    return parsed;
}

Errc code_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::other:
            return Errc::invalid_argument;
        case Refusal::no_script:
            return Errc::not_found;
        case Refusal::permission:
            return Errc::permission;
        default:
            return Errc::unavailable;
    }
}

}  // namespace qck::redis
