#pragma once

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/net/fd.hpp"
#include "tests/support/seed.hpp"

namespace qck::test {

/// One direction of a line.
struct LineQuality {
    std::chrono::microseconds delay{0};
    std::chrono::microseconds jitter{0};  ///< added to the delay, evenly up to this; order is kept
    double loss = 0;                      ///< share of the packets
};

/// A network namespace behind a line of this process: two TUN interfaces, and a thread that carries
/// packets between them with the delay and the loss it is told. Needs root, `ip netns` and
/// /dev/net/tun, but no qdisc of the kernel.
class NetworkNamespace {
public:
    /// `to` the namespace, and `from` it. Its addresses are those kept for benchmarks (RFC 2544),
    /// four for each process id; ids that are 32,768 apart share them.
    explicit NetworkNamespace(const LineQuality& to = {}, const LineQuality& from = {}) {
        const int number = ::getpid() % (1 << 15) * 4;
        const auto address = [number](int last) {
            return "198." + std::to_string(18 + number / 65536) + "." +
                   std::to_string(number / 256 % 256) + "." + std::to_string(number % 256 + last);
        };
        outer_address_ = address(1);
        inner_address_ = address(2);
        const std::string outer = name_ + "o";
        to_ = {open_tun(outer), to};
        from_ = {open_tun(inner_interface_), from};
        if (!to_.fd || !from_.fd) return;
        named_ = shell("ip netns add " + name_);
        made_ = named_ && shell("ip link set " + inner_interface_ + " netns " + name_) &&
                shell("ip addr add " + outer_address_ + "/30 dev " + outer) &&
                shell("ip link set " + outer + " up") &&
                shell(inside("ip addr add " + inner_address_ + "/30 dev " + inner_interface_)) &&
                shell(inside("ip link set " + inner_interface_ + " up")) &&
                shell(inside("ip link set lo up"));
        if (made_) line_ = std::jthread([this](const std::stop_token& stop) { carry(stop); });
    }
    ~NetworkNamespace() {
        line_ = {};
        if (named_) shell("ip netns del " + name_);
    }
    NetworkNamespace(const NetworkNamespace&) = delete;
    NetworkNamespace& operator=(const NetworkNamespace&) = delete;

    bool is_made() const { return made_; }
    /// Of this end and of the end in the namespace.
    const std::string& outer_address() const { return outer_address_; }
    const std::string& inner_address() const { return inner_address_; }
    const std::string& inner_interface() const { return inner_interface_; }
    /// The command that runs `command` in the namespace.
    std::string inside(const std::string& command) const {
        return "ip netns exec " + name_ + " " + command;
    }
    /// From now on the line takes a packet in `packet_time` from the namespace, whose interface
    /// holds no more than `queue` of them and drops the others.
    bool slow_down(std::chrono::microseconds packet_time, int queue) {
        packet_time_us_ = packet_time.count();
        return shell(
            inside("ip link set " + inner_interface_ + " txqueuelen " + std::to_string(queue)));
    }

private:
    using Clock = std::chrono::steady_clock;
    struct Packet {
        Clock::time_point due;
        std::vector<char> bytes;
    };
    /// What leaves by an interface, and what is on its way to the other.
    struct Way {
        net::Fd fd;
        LineQuality quality;
        std::deque<Packet> packets{};
    };

    static bool shell(const std::string& command) {
        return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
    }

    static net::Fd open_tun(const std::string& name) {
        net::Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
        ifreq wanted{};
        wanted.ifr_flags = IFF_TUN | IFF_NO_PI;
        name.copy(wanted.ifr_name, IFNAMSIZ - 1);
        if (!fd || ::ioctl(fd.get(), TUNSETIFF, &wanted) != 0) return {};
        return fd;
    }

    void carry(const std::stop_token& stop) {
        Clock::time_point takes_next{};  // from the namespace
        while (!stop.stop_requested()) {
            const auto now = Clock::now();
            auto until = now + std::chrono::milliseconds(20);
            for (const Way* way : {&to_, &from_}) {
                if (!way->packets.empty()) until = std::min(until, way->packets.front().due);
            }
            const bool takes = takes_next <= now;
            if (!takes) until = std::min(until, takes_next);
            std::array<pollfd, 2> waits{pollfd{to_.fd.get(), POLLIN, 0},
                                        pollfd{takes ? from_.fd.get() : -1, POLLIN, 0}};
            const std::chrono::nanoseconds left = std::max(until - now, Clock::duration::zero());
            const timespec wait{0, left.count()};
            (void)::ppoll(waits.data(), waits.size(), &wait, nullptr);
            if ((waits[0].revents & POLLIN) != 0) take(to_, packets_a_round);
            if ((waits[1].revents & POLLIN) != 0) {
                const std::chrono::microseconds packet_time(packet_time_us_.load());
                take(from_, packet_time.count() > 0 ? 1 : packets_a_round);
                takes_next = Clock::now() + packet_time;
            }
            give(to_, from_.fd.get());
            give(from_, to_.fd.get());
        }
    }

    void take(Way& way, int most) {
        char bytes[65536];
        for (; most > 0; --most) {
            const auto got = ::read(way.fd.get(), bytes, sizeof bytes);
            if (got <= 0) return;
            if (way.packets.size() == packets_max) continue;
            if (std::bernoulli_distribution(way.quality.loss)(random_)) continue;
            std::uniform_int_distribution<std::int64_t> jitter(0, way.quality.jitter.count());
            auto due =
                Clock::now() + way.quality.delay + std::chrono::microseconds(jitter(random_));
            if (!way.packets.empty()) due = std::max(due, way.packets.back().due);
            way.packets.push_back({due, {bytes, bytes + got}});
        }
    }

    static void give(Way& way, int other) {
        for (; !way.packets.empty() && way.packets.front().due <= Clock::now();
             way.packets.pop_front()) {
            const auto& bytes = way.packets.front().bytes;
            (void)!::write(other, bytes.data(), bytes.size());
        }
    }

    static constexpr int packets_a_round = 64;
    static constexpr std::size_t packets_max = 10'000;  ///< on their way; others are lost

    std::string name_ = "qck" + std::to_string(::getpid());
    std::string inner_interface_ = name_ + "i";
    std::string outer_address_, inner_address_;
    bool named_ = false;
    bool made_ = false;
    Way to_, from_;
    std::atomic<std::int64_t> packet_time_us_{0};
    std::minstd_rand random_{seed_of_run("network namespace")};
    std::jthread line_;
};

}  // namespace qck::test
