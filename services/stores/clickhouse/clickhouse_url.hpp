#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace qck::clickhouse {

/// One server's HTTP interface.
struct Node {
    std::string host;  ///< IPv6 without brackets
    std::uint16_t port = 8123;
    bool secure = false;
    /// For messages and logs: `http://HOST:PORT`; never has a password.
    std::string text() const;
    friend bool operator==(const Node&, const Node&) = default;
};

/// One server, or the nodes of a cluster, and who asks them.
struct ClickhouseUrl {
    std::vector<Node> nodes;  ///< at least one, at most nodes_max
    std::string user = "default";
    std::string password;
    /// PEM file of the authorities that https trusts; empty: the system's. Not part of a URL.
    std::string ca_file = {};
    /// As given but for the password.
    std::string text() const;

    static constexpr std::size_t nodes_max = 64;
};

/// `http://user:password@host:8123/`, `https://…` (port 8443 unless given); several nodes with
/// commas, as hosts (`http://a:8123,b:8123/`) or as whole URLs. User and password stand once, with
/// %XX for what a URL cannot hold. An error never quotes the password.
Result<ClickhouseUrl> parse_clickhouse_url(std::string_view text);

}  // namespace qck::clickhouse
