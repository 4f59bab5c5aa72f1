#pragma once

#include <cstdint>
#include <string_view>

#include "services/clicks/click.hpp"

namespace qck::clicks {

/// What a User-Agent says of its sender.
enum class AgentKind : std::uint8_t { human, bot, preview };

/// Bots are crawlers, monitors and scripts; previews are the fetchers of chats and social networks
/// that show a card for a link. An absent user agent is a bot. Case does not matter. Pure; costs a
/// scan of the string, so results are kept in the shard's dictionary.
AgentKind classify_agent(std::string_view user_agent);

/// What is known of a request when its class is decided.
struct RequestTraits {
    bool head = false;     ///< HEAD rather than GET
    bool known = true;     ///< the code has a link
    bool expired = false;  ///< the link is past expires_at
    AgentKind agent = AgentKind::human;
    std::string_view purpose;  ///< Sec-Purpose, Purpose or X-Moz
};

/// The one class of a click; the first that applies of: unknown_code, expired, head, preview
/// (by agent, or Purpose: preview), prefetch (Sec-Purpose: prefetch;…, X-Moz: prefetch), bot,
/// human.
ClickClass classify(const RequestTraits& request);

}  // namespace qck::clicks
