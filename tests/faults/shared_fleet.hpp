#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "services/stores/redis/blocking_client.hpp"
#include "tests/faults/counting_client.hpp"
#include "tests/faults/serve_process.hpp"
#include "tests/support/clickhouse_server.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::test {

/// Two real `qck serve` on the same stores, load on both, and the books of the clients.
///
/// The caller owns Redis, so that it may be a server or a cluster. The instances' flags differ from
/// life to life; small segments that are kept for a second make them roll and go all the time.
class SharedFleet {
public:
    static constexpr std::size_t instances = 2;

    /// What the journals, the clients and the stores say of one link.
    struct Sums {
        std::uint64_t answered = 0;
        std::uint64_t received_at_most = 0;
        std::uint64_t journals = 0;
        std::string redis, postgres, clickhouse;  ///< as the store says it, or why it does not
    };

    /// Makes the schemas, starts both instances, and adds the links. Without ClickHouse where it is
    /// not installed, or not wanted.
    SharedFleet(redis::ClientConfig redis, bool with_clickhouse, std::uint32_t seed);

    std::uint32_t random() { return random_(); }
    const std::vector<std::string>& codes() const { return codes_; }
    PostgresServer& postgres() { return postgres_; }
    ClickhouseServer& clickhouse() { return *clickhouse_; }
    std::string id_of(std::size_t link) const { return ids_[link]; }

    /// Starts what is not running of the instances.
    void start_all();
    /// A further link, which nobody clicks until load() names it; its place among codes(). Waits
    /// until a store that comes back takes it.
    std::size_t add_link(const std::string& code);
    /// Starts what is not running of the instances, and load on each: on the links in these places
    /// alone.
    void load(const std::vector<std::size_t>& links);
    /// On the first so many.
    void load(std::size_t links);
    /// kill -9. The next load() starts it again over what it left.
    void kill(std::size_t instance);
    /// Ends the load, and enters the books of the clients.
    void quiet();

    /// Waits until each store has of each link exactly what both journals have, and that lies
    /// between what was answered and what was received. False after `most`.
    bool agrees(std::chrono::seconds most);
    /// Has every instance compare its journal with the stores, and repair them when told.
    bool reconciled(bool repair);
    /// As it was when agrees() looked last; a line a link.
    std::string table() const;
    std::uint64_t answered() const;
    /// Until the load on each instance has had so many answers.
    void wait_for_answers(std::uint64_t wanted) const;
    /// What the instances said on stderr.
    std::string said() const;

private:
    struct Instance {
        std::filesystem::path data_dir;
        std::unique_ptr<ServeProcess> serve;
        std::unique_ptr<CountingClient> client;
        std::vector<std::size_t> links;  ///< that the client asks for
    };

    void start(Instance& instance);
    void enter(Instance& instance);
    Sums sums_of(std::size_t link);

    std::vector<std::string> codes_;
    const TemporaryDirectory directory_;
    const redis::ClientConfig redis_;
    PostgresServer postgres_;
    std::unique_ptr<ClickhouseServer> clickhouse_;
    std::unique_ptr<redis::BlockingClient> redis_client_;
    std::mt19937 random_;
    std::array<Instance, instances> instances_;
    std::vector<std::string> ids_;
    std::vector<LinkLedger> ledger_;
    std::vector<Sums> looked_;
};

}  // namespace qck::test
