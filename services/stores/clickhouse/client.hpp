#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"
#include "services/stores/clickhouse/http_connection.hpp"
#include "services/stores/clickhouse/server_version.hpp"

namespace qck::clickhouse {

struct ClientConfig {
    ClickhouseUrl url;
    std::chrono::milliseconds connect_timeout{2'000};
    /// From sending a request to the end of its answer.
    std::chrono::milliseconds request_timeout{30'000};
    std::size_t answer_bytes_max = std::size_t{64} << 20;
    /// A node that failed is left alone for so long, doubled at each further failure, less a random
    /// part of up to half; another node is taken meanwhile.
    std::chrono::milliseconds retry_first{100};
    std::chrono::milliseconds retry_max{5'000};
};

/// How an insert ended at which node. Only when `in_doubt` may it still be going on: there was no
/// answer of ClickHouse itself.
struct InsertOutcome {
    Result<void> result;
    std::size_t node = 0;
    bool in_doubt = false;
};

/// A blocking client of one ClickHouse server or the nodes of a cluster, over HTTP, with one
/// connection kept open for each node. It stays with a node until that fails. Not thread-safe.
class Client {
public:
    explicit Client(ClientConfig config);

    /// The answer to a query that only reads: asks each node that is not left alone until one
    /// answers. What the server itself refuses is not asked again.
    Result<std::string> query(std::string_view text);
    /// Of one node, once. `settings` are `&name=value`, escaped.
    Result<std::string> query_at(std::size_t index, std::string_view text,
                                 std::string_view settings = {});
    /// Sends `body` (what follows FORMAT) once, to one node. `settings` are `&name=value`, escaped.
    /// Unless this fails already, end_insert() tells how it ended, before anything else is asked.
    InsertOutcome begin_insert(std::string_view statement, std::string_view body,
                               std::string_view settings);
    InsertOutcome end_insert();
    /// Of the node in use; known after the first answer.
    Result<ServerVersion> version();

    /// What it was asked last it answered, be it with an error of its own.
    bool answers(std::size_t node) const { return nodes_[node].not_before_ns == 0; }
    /// The last try to connect to it found its host there and nobody listening.
    bool refuses(std::size_t node) const { return nodes_[node].refuses; }
    std::size_t nodes() const { return nodes_.size(); }
    const ClientConfig& config() const { return config_; }
    std::string node_text(std::size_t node) const { return nodes_[node].address.text(); }

private:
    struct NodeState {
        Node address;
        std::unique_ptr<HttpConnection> connection;
        std::chrono::milliseconds back_off{0};
        std::int64_t not_before_ns = 0;
        bool version_known = false;
        bool refuses = false;
        ServerVersion version;
    };

    /// The node in use, or the next that is not left alone; all are when there is none.
    Result<std::size_t> pick();
    Result<void> connect(NodeState& node);
    /// The answer to what was posted at that node.
    Result<std::string> answer_of(NodeState& node);
    void failed(NodeState& node);

    ClientConfig config_;
    std::string authorization_;
    std::vector<NodeState> nodes_;
    std::size_t current_ = 0;
    std::size_t inserting_ = 0;  ///< the node of the last begin_insert()
    SplitMix64 random_;
};

}  // namespace qck::clickhouse
