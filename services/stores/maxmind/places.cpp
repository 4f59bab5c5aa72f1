#include "services/stores/maxmind/places.hpp"

#include <netinet/in.h>

#include <cstring>
#include <utility>

#include "base/random.hpp"

namespace qck::maxmind {

Result<std::unique_ptr<Places>> Places::open(std::filesystem::path path) {
    auto file = PlaceFile::open(path);
    if (!file) return file.error();
    return std::unique_ptr<Places>(new Places(std::move(path), std::move(*file)));
}

Result<void> Places::reload() {
    auto file = PlaceFile::open(path_);
    if (!file) return file.error();
    const std::lock_guard lock(mutex_);
    file_ = std::move(*file);
    return {};
}

std::shared_ptr<const PlaceFile> Places::current() const {
    const std::lock_guard lock(mutex_);
    return file_;
}

bool Places::find(const clicks::StoredIp& ip, clicks::Place& place) {
    sockaddr_in6 address{};
    if (ip.kind == 4) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(address);
        v4.sin_family = AF_INET;
        std::memcpy(&v4.sin_addr, ip.bytes.data(), sizeof v4.sin_addr);
    } else if (ip.kind == 6) {
        address.sin6_family = AF_INET6;
        std::memcpy(&address.sin6_addr, ip.bytes.data(), sizeof address.sin6_addr);
    } else {
        return false;
    }
    const bool found = current()->find(reinterpret_cast<const sockaddr*>(&address), place);
    (found ? figures_.found : figures_.unknown).add();
    return found;
}

std::uint8_t CountryMemory::country(const sockaddr* address) {
    std::array<std::uint64_t, 2> key{};
    if (address->sa_family == AF_INET) {
        std::memcpy(key.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const auto& six = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&six)) {
            sockaddr_in v4{};
            v4.sin_family = AF_INET;
            std::memcpy(&v4.sin_addr, six.s6_addr + 12, sizeof v4.sin_addr);
            return country(reinterpret_cast<const sockaddr*>(&v4));
        }
        std::memcpy(key.data(), &six, sizeof six);
    } else {
        return 0;
    }
    const auto family = static_cast<std::uint8_t>(address->sa_family);
    Entry& entry = entries_[mix64(key[0] ^ mix64(key[1])) % entries_.size()];
    if (entry.family != family || entry.address != key) {
        entry = {key, family, file_->country(address)};
    }
    return entry.country;
}

}  // namespace qck::maxmind
