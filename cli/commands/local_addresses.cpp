#include "cli/commands/local_addresses.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace qck::commands {
namespace {

constexpr std::size_t addresses_max = 1'000;

Result<net::Address> parse_one(const std::string& text) {
    const bool is_v6 = text.find(':') != std::string::npos && text.front() != '[';
    const auto address = net::parse_address((is_v6 ? "[" + text + "]" : text) + ":0");
    if (!address) {
        return error(Errc::invalid_argument,
                     "'" + text + "' is no IP address (try 127.0.0.2, or 10.0.0.5,10.0.0.6)");
    }
    const net::Fd socket(::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return io_error("cannot open a socket", errno);
    if (::bind(socket.get(), address->data(), address->length) != 0) {
        return error(Errc::invalid_argument,
                     "'" + text + "' is no address of this machine (" + std::strerror(errno) + ")");
    }
    return *address;
}

}  // namespace

Result<std::vector<net::Address>> parse_local_addresses(std::string_view text) {
    std::vector<net::Address> addresses;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        auto address = parse_one(std::string(text.substr(at, comma - at)));
        if (!address) return address.error();
        if (addresses.size() == addresses_max) {
            return error(Errc::invalid_argument,
                         "more than " + std::to_string(addresses_max) + " addresses");
        }
        addresses.push_back(*address);
        at = comma + 1;
    }
    return addresses;
}

std::string text_of(const std::vector<net::Address>& addresses) {
    std::string text;
    for (const net::Address& address : addresses) {
        // Without the port, and the brackets that are there for it.
        std::string one = address.to_string();
        one.resize(one.rfind(':'));
        if (one.front() == '[') one = one.substr(1, one.size() - 2);
        text += (text.empty() ? "" : ",") + one;
    }
    return text;
}

}  // namespace qck::commands
