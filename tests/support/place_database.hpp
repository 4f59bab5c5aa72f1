#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace qck::test {

/// Writes small files of the MaxMind DB format 2.0 (maxmind.github.io/MaxMind-DB), IPv6 with IPv4
/// at ::/96, records of 24 bits.
class PlaceDatabase {
public:
    explicit PlaceDatabase(std::string type = "DBIP-Country-Lite") : type_(std::move(type)) {}

    using Fields = std::vector<std::pair<std::string, std::string>>;

    /// `2.16.0.0/16` or `2001:db8::/32`, in a country in the layout of GeoLite2 and DB-IP.
    PlaceDatabase& country(const std::string& network, const std::string& code) {
        return record(network, map({{"country", map({{"iso_code", text(code)}})}}));
    }
    PlaceDatabase& city(const std::string& network, const std::string& code,
                        const std::string& region, const std::string& name) {
        const std::string subdivisions =
            std::string("\x01\x04", 2) + map({{"iso_code", text(region)}});
        return record(network, map({{"city", map({{"names", map({{"en", text(name)}})}})},
                                    {"country", map({{"iso_code", text(code)}})},
                                    {"subdivisions", subdivisions}}));
    }
    /// What a database of networks' owners says.
    PlaceDatabase& owner(const std::string& network, const std::string& name) {
        return record(network, map({{"autonomous_system_organization", text(name)}}));
    }

    std::string bytes() const {
        std::string out;
        const auto count = static_cast<std::uint32_t>(nodes_.size());
        for (const auto& node : nodes_) {
            for (const std::int64_t side : node) {
                std::uint32_t value = count;
                if (side > 0) value = static_cast<std::uint32_t>(side);
                if (side < 0) value = count + 16 + static_cast<std::uint32_t>(-side - 1);
                for (const int shift : {16, 8, 0}) out += static_cast<char>(value >> shift);
            }
        }
        return out + std::string(16, '\0') + data_ + "\xab\xcd\xefMaxMind.com" +
               map({{"binary_format_major_version", number(5, 2)},
                    {"binary_format_minor_version", number(5, 0)},
                    {"build_epoch", std::string("\x04\x02\x65\x00\x00\x00", 6)},
                    {"database_type", text(type_)},
                    {"description", map({})},
                    {"ip_version", number(5, 6)},
                    {"languages", std::string("\x00\x04", 2)},
                    {"node_count", number(6, count)},
                    {"record_size", number(5, 24)}});
    }
    void write(const std::filesystem::path& path) const { write(path, bytes()); }
    static void write(const std::filesystem::path& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }

private:
    static std::string text(const std::string& value) { return control(2, value.size()) + value; }
    static std::string number(std::uint8_t type, std::uint32_t value) {
        std::string digits;
        for (; value != 0; value >>= 8) digits.insert(digits.begin(), static_cast<char>(value));
        return control(type, digits.size()) + digits;
    }
    static std::string map(const Fields& fields) {
        std::string out = control(7, fields.size());
        for (const auto& [name, value] : fields) out += text(name) + value;
        return out;
    }
    /// Of a type up to 7, and a size up to 284.
    static std::string control(std::uint8_t type, std::size_t size) {
        if (size < 29) return {static_cast<char>(type << 5 | size)};
        return {static_cast<char>(type << 5 | 29), static_cast<char>(size - 29)};
    }

    PlaceDatabase& record(const std::string& network, const std::string& value) {
        const auto slash = network.find('/');
        const std::string host = network.substr(0, slash);
        int bits = std::stoi(network.substr(slash + 1));
        std::array<std::uint8_t, 16> address{};
        if (::inet_pton(AF_INET, host.c_str(), address.data() + 12) == 1) {
            bits += 96;
        } else {
            ::inet_pton(AF_INET6, host.c_str(), address.data());
        }
        const auto at = -static_cast<std::int64_t>(data_.size()) - 1;
        data_ += value;
        std::size_t node = 0;
        for (int bit = 0; bit < bits; ++bit) {
            const std::size_t side =
                address[static_cast<std::size_t>(bit) / 8] >> (7 - bit % 8) & 1;
            if (bit == bits - 1) {
                nodes_[node][side] = at;
            } else {
                if (nodes_[node][side] <= 0) {
                    nodes_.push_back({});
                    nodes_[node][side] = static_cast<std::int64_t>(nodes_.size()) - 1;
                }
                node = static_cast<std::size_t>(nodes_[node][side]);
            }
        }
        return *this;
    }

    std::string type_;
    std::vector<std::array<std::int64_t, 2>> nodes_{{}};  ///< >0 node, 0 nothing, <0 data
    std::string data_;
};

}  // namespace qck::test
