#include "base/net/address.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace qck::net {
namespace {

const sockaddr_in& v4(const Address& address) {
    return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& v6(const Address& address) {
    return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

Address make_v4(in_addr host, std::uint16_t port) {
    Address address;
    auto& socket_address = reinterpret_cast<sockaddr_in&>(address.storage);
    socket_address.sin_family = AF_INET;
    socket_address.sin_addr = host;
    socket_address.sin_port = htons(port);
    address.length = sizeof socket_address;
    return address;
}

Address make_v6(const in6_addr& host, std::uint16_t port) {
    Address address;
    auto& socket_address = reinterpret_cast<sockaddr_in6&>(address.storage);
    socket_address.sin6_family = AF_INET6;
    socket_address.sin6_addr = host;
    socket_address.sin6_port = htons(port);
    address.length = sizeof socket_address;
    return address;
}

bool private_v4(std::uint32_t host) {
    return host >> 24 == 127 || host >> 24 == 10 || host >> 20 == 0xac1 || host >> 16 == 0xc0a8 ||
           host >> 16 == 0xa9fe;
}

Error not_an_address(std::string_view text) {
    return error(
        Errc::invalid_argument,
        "'" + std::string(text) + "' is not an address (try 127.0.0.1:8080 or [::1]:8080)");
}

Error listen_error(const Address& address, int cause) {
    Error failure = io_error("cannot listen on " + address.to_string(), cause);
    if (cause == EADDRINUSE) failure.message += " (choose another port; 0 picks a free one)";
    if (cause == EACCES) failure.message += " (ports below 1024 need privileges)";
    failure.code = Errc::unavailable;
    return failure;
}

Result<Fd> bind_socket(const Address& address, bool share) {
    Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return listen_error(address, errno);
    const int one = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (share) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (::bind(fd.get(), address.data(), address.length) != 0) return listen_error(address, errno);
    return fd;
}

}  // namespace

std::uint16_t Address::port() const {
    return ntohs(family() == AF_INET6 ? v6(*this).sin6_port : v4(*this).sin_port);
}

std::string Address::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family() == AF_INET6) {
        ::inet_ntop(AF_INET6, &v6(*this).sin6_addr, text.data(), text.size());
        return "[" + std::string(text.data()) + "]:" + std::to_string(port());
    }
    ::inet_ntop(AF_INET, &v4(*this).sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(port());
}

bool Address::is_loopback() const {
    if (family() == AF_INET) return ntohl(v4(*this).sin_addr.s_addr) >> 24 == 127;
    const in6_addr& host = v6(*this).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&host) || (IN6_IS_ADDR_V4MAPPED(&host) && host.s6_addr[12] == 127);
}

bool Address::is_private() const {
    if (is_loopback()) return true;
    if (family() == AF_INET) return private_v4(ntohl(v4(*this).sin_addr.s_addr));
    const in6_addr& host = v6(*this).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&host)) {
        std::uint32_t mapped = 0;
        std::memcpy(&mapped, &host.s6_addr[12], sizeof mapped);
        return private_v4(ntohl(mapped));
    }
    return IN6_IS_ADDR_LINKLOCAL(&host) || (host.s6_addr[0] & 0xfe) == 0xfc;
}

Result<Address> parse_address(std::string_view host_port) {
    const auto colon = host_port.rfind(':');
    if (colon == std::string_view::npos) return not_an_address(host_port);
    std::uint16_t port = 0;
    const std::string_view digits = host_port.substr(colon + 1);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (failure != std::errc{} || end != digits.data() + digits.size())
        return not_an_address(host_port);

    std::string host(host_port.substr(0, colon));
    if (host == "localhost") host = "127.0.0.1";
    in_addr host_v4{};
    if (::inet_pton(AF_INET, host.c_str(), &host_v4) == 1) return make_v4(host_v4, port);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        in6_addr host_v6{};
        if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &host_v6) == 1) {
            return make_v6(host_v6, port);
        }
    }
    return not_an_address(host_port);
}

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    std::string name = host;
    if (name.size() > 2 && name.front() == '[' && name.back() == ']')
        name = name.substr(1, name.size() - 2);
    const int failure = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (failure != 0) {
        return error(Errc::unavailable, "cannot resolve " + host + ": " + ::gai_strerror(failure));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
    std::vector<Address> addresses;
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
        Address address;
        std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
        address.length = entry->ai_addrlen;
        addresses.push_back(address);
    }
    return addresses;
}

Result<std::vector<Fd>> listen_on(const Address& address, std::size_t count) {
    // A socket without SO_REUSEPORT tells whether anybody is there; its port is then everybody's.
    auto probe = bind_socket(address, false);
    if (!probe) return probe.error();
    auto bound = local_address(probe->get());
    if (!bound) return bound.error();
    probe->reset();

    std::vector<Fd> listeners;
    for (std::size_t i = 0; i < count; ++i) {
        auto fd = bind_socket(*bound, true);
        if (!fd) return fd.error();
        if (::listen(fd->get(), SOMAXCONN) != 0) return listen_error(address, errno);
        listeners.push_back(std::move(*fd));
    }
    return listeners;
}

Result<void> steer_by_cpu(std::span<const Fd> listeners, std::span<const int> cpus) {
    // The answer is a place in the group of sockets; none of them: the kernel chooses.
    constexpr std::uint32_t no_place = 0xffffffff;
    std::vector<sock_filter> code{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_CPU))};
    for (std::uint32_t place = 0; place < std::min(listeners.size(), cpus.size()); ++place) {
        code.push_back(
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(cpus[place]), 0, 1));
        code.push_back(BPF_STMT(BPF_RET | BPF_K, place));
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, no_place));
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (::setsockopt(listeners.front().get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                     sizeof program) != 0) {
        return io_error("cannot steer connections by their CPU", errno);
    }
    return {};
}

Result<Address> local_address(int fd) {
    Address address;
    address.length = sizeof address.storage;
    if (::getsockname(fd, address.data(), &address.length) != 0) {
        return io_error("cannot read the address of a socket", errno);
    }
    return address;
}

Result<Fd> start_connect(const Address& to) {
    Fd fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return io_error("cannot create a socket for " + to.to_string(), errno);
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(fd.get(), to.data(), to.length) != 0 && errno != EINPROGRESS) {
        return io_error("cannot connect to " + to.to_string(), errno);
    }
    return fd;
}

int connect_outcome(int fd) {
    int outcome = 0;
    socklen_t length = sizeof outcome;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &length) != 0) return errno;
    return outcome;
}

}  // namespace qck::net
