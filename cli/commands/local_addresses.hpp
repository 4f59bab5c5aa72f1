#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/net/address.hpp"

namespace qck::commands {

/// Parses `IP[,IP…]`, addresses of this machine that connections can go out from; port 0. Errors
/// name the one that is none: "'10.0.0.9' is no address of this machine (…)".
Result<std::vector<net::Address>> parse_local_addresses(std::string_view text);

/// The same as text, for another process; empty of none.
std::string text_of(const std::vector<net::Address>& addresses);

}  // namespace qck::commands
