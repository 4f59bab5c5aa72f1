#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/redis_server.hpp"

namespace qck::test {

/// A real Redis Cluster of 3 masters and 3 replicas on free loopback ports. Takes about 5 s to
/// make.
class RedisCluster {
public:
    RedisCluster() {
        std::vector<std::string> words{"--cluster", "create"};
        for (int i = 0; i < 6; ++i) {
            RedisServer::Options options;
            options.port = free_port(10'000);
            options.flags = {"--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
                             "--repl-diskless-sync-delay", "0",
                             // A replica is shown once it is known to have got something.
                             "--repl-ping-replica-period", "1"};
            nodes_.push_back(std::make_unique<RedisServer>(options));
            words.push_back(nodes_.back()->address());
        }
        words.insert(words.end(), {"--cluster-replicas", "1", "--cluster-yes"});
        const auto made = run_program("/usr/bin/redis-cli", words);
        INFO(made.out << made.err);
        REQUIRE(made.exit_code == 0);
        await_whole();
    }

    /// Until every node runs, and knows all others, each master with its replica.
    void await_whole() {
        REQUIRE(wait_for([&] { return is_whole(); }, std::chrono::seconds(20)));
    }

    redis::ClientConfig config() const {
        redis::ClientConfig config;
        config.url = *redis::parse_redis_url(nodes_[0]->url() + "," + nodes_[1]->url() + "," +
                                             nodes_[2]->url());
        return config;
    }
    RedisServer& node(std::size_t index) { return *nodes_[index]; }
    /// Which of the nodes, by the word of one that runs, is the master of a slot.
    RedisServer& master_of(std::uint16_t slot) {
        RedisServer* const master = master_or_null(slot);
        if (master == nullptr) FAIL("no master has slot " << slot);
        return *master;
    }
    RedisServer* master_or_null(std::uint16_t slot) {
        for (const auto& node : nodes_) {
            if (RedisServer* const master = master_known_to(*node, slot)) return master;
        }
        return nullptr;
    }
    /// All nodes that run agree on who that is, and that it is not `than`.
    bool has_other_master(std::uint16_t slot, const RedisServer& than) {
        const RedisServer* master = nullptr;
        for (const auto& node : nodes_) {
            if (node->pid() <= 0) continue;
            const RedisServer* const known = master_known_to(*node, slot);
            if (known == nullptr || known == &than) return false;
            if (std::exchange(master, known) != nullptr && master != known) return false;
        }
        return master != nullptr;
    }
    /// Moves a slot with all its keys, as redis-cli's reshard does. With `half_done`, that happens
    /// once the first key was moved, and the rest is left undone until it is migrated again. All
    /// nodes have to agree on whose the slot is: one that imports believes nobody about it, and
    /// takes no key while it thinks the owner dead.
    void migrate(std::uint16_t slot, RedisServer& to, const std::function<void()>& half_done = {}) {
        const std::string number = std::to_string(slot);
        RedisServer& from = master_of(slot);
        const std::string from_id = id_of(from);
        const std::string to_id = id_of(to);
        REQUIRE(contains(to.cli({"CLUSTER", "SETSLOT", number, "IMPORTING", from_id}), "OK"));
        REQUIRE(contains(from.cli({"CLUSTER", "SETSLOT", number, "MIGRATING", to_id}), "OK"));
        while (true) {
            const std::string found = from.cli({"CLUSTER", "GETKEYSINSLOT", number, "1"});
            const std::string one = found.substr(0, found.find('\n'));
            if (one.empty()) break;
            // Of a key that is on both sides after a half-done migration the owner's is right.
            const std::string moved = from.cli(
                {"MIGRATE", "127.0.0.1", std::to_string(to.port()), one, "0", "5000", "REPLACE"});
            INFO("slot " << slot << " from " << from.address() << " to " << to.address() << ": "
                         << one << ": " << moved);
            // NOKEY: it expired meanwhile.
            REQUIRE((moved.starts_with("OK") || moved.starts_with("NOKEY")));
            if (half_done) return half_done();
        }
        for (const auto& node : nodes_) node->cli({"CLUSTER", "SETSLOT", number, "NODE", to_id});
    }
    static std::string id_of(const RedisServer& node) {
        std::string id = node.cli({"CLUSTER", "MYID"});
        return id.substr(0, id.find('\n'));
    }

private:
    RedisServer* master_known_to(const RedisServer& node, std::uint16_t slot) {
        if (node.pid() <= 0) return nullptr;
        const auto reply = make_client(node.config())->call(redis::Command("CLUSTER").arg("SLOTS"));
        for (std::size_t i = 0; reply && i < reply->size(); ++i) {
            const auto range = (*reply)[i];
            if (slot < range[0].integer() || slot > range[1].integer()) continue;
            for (const auto& other : nodes_) {
                if (other->port() == range[2][1].integer()) return other.get();
            }
        }
        return nullptr;
    }
    /// Each node knows that all slots are served and all replicas, and each of these has its
    /// master's link.
    bool is_whole() const {
        for (const auto& node : nodes_) {
            if (!contains(node->cli({"CLUSTER", "INFO"}), "cluster_state:ok")) return false;
            const auto slots =
                make_client(node->config())->call(redis::Command("CLUSTER").arg("SLOTS"));
            if (!slots || slots->size() < 3) return false;
            for (std::size_t i = 0; i < slots->size(); ++i) {
                if ((*slots)[i].size() < 4) return false;
            }
            const auto role = node->cli({"ROLE"});
            if (contains(role, "slave") && !contains(role, "connected")) return false;
        }
        return true;
    }

    std::vector<std::unique_ptr<RedisServer>> nodes_;
};

}  // namespace qck::test
