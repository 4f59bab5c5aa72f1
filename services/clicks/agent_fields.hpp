#pragma once

#include <cstdint>
#include <string_view>

namespace qck::clicks {

/// What a User-Agent says of device, browser and operating system. Views of constants.
struct AgentFields {
    std::string_view device;   ///< desktop, mobile, tablet, tv, bot; empty when it does not say
    std::string_view browser;  ///< Chrome, Safari, Firefox, Edge, …; empty when it is none known
    std::string_view os;       ///< Windows, macOS, iOS, Android, Linux, ChromeOS, …
};

/// A few ordered tests for the words that browsers of today send; no versions, no regular
/// expressions. In order, because every browser also names those it descends from: Edge says
/// Chrome, Chrome says Safari, all say Mozilla. iPadOS says Macintosh as Macs do and cannot be told
/// from them. Bots (classify.hpp) are the device `bot`. Pure; costs some scans of the string, so it
/// is asked once a string and not once a click.
AgentFields agent_fields(std::string_view user_agent);

}  // namespace qck::clicks
