#include "loadgen/engine/network_watch.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include "base/net/fd.hpp"
#include "loadgen/engine/evidence.hpp"

namespace qck::engine {
namespace {

/// On Ethernet a packet takes 24 bytes more than the interface counts: preamble 8, checksum 4, gap
/// 12 (IEEE 802.3).
constexpr std::uint64_t wire_bytes_per_packet = 24;

std::string text_of(const char* file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

bool is_same_host(const sockaddr* one, const sockaddr* other) {
    if (one->sa_family != other->sa_family) return false;
    if (one->sa_family == AF_INET) {
        const auto* const a = reinterpret_cast<const sockaddr_in*>(one);
        const auto* const b = reinterpret_cast<const sockaddr_in*>(other);
        return a->sin_addr.s_addr == b->sin_addr.s_addr;
    }
    const auto* const a = reinterpret_cast<const sockaddr_in6*>(one);
    const auto* const b = reinterpret_cast<const sockaddr_in6*>(other);
    return std::memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr) == 0;
}

/// Bits per second; 0 where nobody knows. Virtual interfaces without a device name a speed that
/// nothing holds them to.
double speed_of(const std::string& name) {
    const std::filesystem::path folder = std::filesystem::path("/sys/class/net") / name;
    std::error_code none;
    if (!std::filesystem::exists(folder / "device", none)) return 0;
    std::ifstream file(folder / "speed");
    double megabits = 0;
    return file >> megabits && megabits > 0 ? megabits * 1e6 : 0;
}

/// Of /proc/net/sockstat: the value behind `name` in the line of TCP.
std::uint64_t tcp_figure(const std::string& sockstat, const std::string& name) {
    std::istringstream lines(sockstat);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("TCP:")) continue;
        std::istringstream words(line.substr(4));
        std::string key;
        std::uint64_t value = 0;
        while (words >> key >> value) {
            if (key == name) return value;
        }
    }
    return 0;
}

}  // namespace

std::optional<InterfaceCounters> counters_of(std::string_view proc_net_dev, std::string_view name) {
    std::istringstream lines{std::string(proc_net_dev)};
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        const auto begin = line.find_first_not_of(' ');
        if (colon == std::string::npos ||
            std::string_view(line).substr(begin, colon - begin) != name) {
            continue;
        }
        // Bytes, packets, errors, dropped, FIFO overruns and three more; received, then sent.
        std::istringstream words(line.substr(colon + 1));
        std::uint64_t figure[16] = {};
        for (std::uint64_t& one : figure) words >> one;
        InterfaceCounters counters;
        counters.received_bytes = figure[0];
        counters.received_packets = figure[1];
        counters.sent_bytes = figure[8];
        counters.sent_packets = figure[9];
        counters.errors = figure[2] + figure[4] + figure[10] + figure[12];
        counters.dropped = figure[3] + figure[11];
        return counters;
    }
    return std::nullopt;
}

std::string interface_to(const net::Address& target) {
    // Connecting a datagram socket sends nothing; it asks the routing table.
    const net::Fd socket(::socket(target.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.get(), target.data(), target.length) != 0) return {};
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0) return {};
    // An address of this machine's, of whatever interface, is reached by loopback.
    if (is_same_host(reinterpret_cast<const sockaddr*>(&local), target.data())) return "lo";
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return {};
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(list, ::freeifaddrs);
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr != nullptr &&
            is_same_host(one->ifa_addr, reinterpret_cast<const sockaddr*>(&local))) {
            return one->ifa_name;
        }
    }
    // All of 127.0.0.0/8 is loopback, and has one address there.
    return target.is_loopback() ? "lo" : "";
}

void add_stretch(const InterfaceCounters& before, const InterfaceCounters& now,
                 std::chrono::nanoseconds span, record::InterfaceUse& use) {
    // A counter that went back was reset.
    const auto gained = [](std::uint64_t from, std::uint64_t to) {
        return to - std::min(from, to);
    };
    const std::uint64_t out_bytes = gained(before.sent_bytes, now.sent_bytes);
    const std::uint64_t in_bytes = gained(before.received_bytes, now.received_bytes);
    const std::uint64_t out = gained(before.sent_packets, now.sent_packets);
    const std::uint64_t in = gained(before.received_packets, now.received_packets);
    use.sent_bytes += out_bytes;
    use.received_bytes += in_bytes;
    use.packets += out + in;
    use.dropped += gained(before.dropped, now.dropped);
    use.errors += gained(before.errors, now.errors);
    const double seconds = std::chrono::duration<double>(span).count();
    if (!(use.speed_per_s > 0) || !(seconds > 0)) return;
    const std::uint64_t busier =
        std::max(out_bytes + out * wire_bytes_per_packet, in_bytes + in * wire_bytes_per_packet);
    const double share = static_cast<double>(busier) * 8 / seconds / use.speed_per_s;
    use.busiest_share = std::max(use.busiest_share, std::min(share, 1.0));
}

NetworkWatch::NetworkWatch(const net::Address& target, std::chrono::nanoseconds every)
    : every_(every) {
    interface_.name = interface_to(target);
    if (!interface_.name.empty()) interface_.speed_per_s = speed_of(interface_.name);
    sockets_.local_ports = local_ports();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) sockets_.descriptors_allowed = limit.rlim_cur;
}

void NetworkWatch::look(std::chrono::nanoseconds at) {
    if (!begun_ || at - last_at_ >= every_) take(at);
}

void NetworkWatch::end(std::chrono::nanoseconds at) {
    if (begun_ && at > last_at_) take(at);
}

void NetworkWatch::take(std::chrono::nanoseconds at) {
    const auto now = counters_of(text_of("/proc/net/dev"), interface_.name);
    if (now && begun_) add_stretch(last_, *now, at - last_at_, interface_);
    if (now) last_ = *now;
    const std::string sockstat = text_of("/proc/net/sockstat");
    sockets_.tcp = std::max(sockets_.tcp, tcp_figure(sockstat, "inuse"));
    sockets_.time_wait = std::max(sockets_.time_wait, tcp_figure(sockstat, "tw"));
    begun_ = true;
    last_at_ = at;
}

}  // namespace qck::engine
