#include "services/clicks/stored_ip.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string>

namespace qck::clicks {
namespace {

constexpr std::uint8_t kind_hash = 255;

struct SipState {
    std::uint64_t a, b, c, d;
    void rounds(int count) {
        for (; count > 0; --count) {
            a += b;
            b = std::rotl(b, 13) ^ a;
            a = std::rotl(a, 32);
            c += d;
            d = std::rotl(d, 16) ^ c;
            a += d;
            d = std::rotl(d, 21) ^ a;
            c += b;
            b = std::rotl(b, 17) ^ c;
            c = std::rotl(c, 32);
        }
    }
};

std::uint64_t load(const std::uint8_t* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    return word;
}

}  // namespace

std::array<std::uint8_t, 16> siphash128(const IpKey& key, std::span<const std::uint8_t> bytes) {
    const std::uint64_t k0 = load(key.data());
    const std::uint64_t k1 = load(key.data() + 8);
    SipState state{k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE, k0 ^ 0x6C7967656E657261,
                   k1 ^ 0x7465646279746573};
    const auto absorb = [&state](std::uint64_t word) {
        state.d ^= word;
        state.rounds(2);
        state.a ^= word;
    };
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) absorb(load(bytes.data() + at));
    std::uint64_t last = std::uint64_t{bytes.size()} << 56;
    for (std::size_t i = 0; at + i < bytes.size(); ++i)
        last |= std::uint64_t{bytes[at + i]} << 8 * i;
    absorb(last);

    std::array<std::uint8_t, 16> out{};
    state.c ^= 0xEE;
    state.rounds(4);
    std::uint64_t half = state.a ^ state.b ^ state.c ^ state.d;
    std::memcpy(out.data(), &half, 8);
    state.b ^= 0xDD;
    state.rounds(4);
    half = state.a ^ state.b ^ state.c ^ state.d;
    std::memcpy(out.data() + 8, &half, 8);
    return out;
}

Result<IpMode> parse_ip_mode(std::string_view text) {
    if (text == "full") return IpMode::full;
    if (text == "truncate") return IpMode::truncate;
    if (text == "hash") return IpMode::hash;
    if (text == "none") return IpMode::none;
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not an IP mode (full, truncate, hash or none)");
}

StoredIp stored_ip(const sockaddr* address, IpMode mode, const IpKey& key) {
    StoredIp ip;
    if (mode == IpMode::none) return ip;
    if (address->sa_family == AF_INET) {
        ip.kind = 4;
        std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const auto& six = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&six);
        ip.kind = mapped ? 4 : 6;
        std::memcpy(ip.bytes.data(), six.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    } else {
        return ip;
    }
    if (mode == IpMode::truncate) {
        const std::ptrdiff_t kept = ip.kind == 4 ? 3 : 6;
        std::fill(ip.bytes.begin() + kept, ip.bytes.end(), std::uint8_t{0});
    } else if (mode == IpMode::hash) {
        ip.bytes = siphash128(key, std::span(ip.bytes.data(), ip.kind == 4 ? 4 : 16));
        ip.kind = kind_hash;
    }
    return ip;
}

}  // namespace qck::clicks
