// Prints how many clicks a second EventDelivery brings from a journal to a clickhouse-server, and
// how many clickhouse-client inserts of the very same rows as Native. Reports; never fails.
//
//   clickhouse_bench [CLICKS [ROWS_OF_A_BATCH]]     default 2,000,000 and what EventDelivery has
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "services/clicks/event_delivery.hpp"
#include "services/clicks/journal.hpp"
#include "services/stores/clickhouse/clickhouse_event_sink.hpp"
#include "services/stores/clickhouse/event_block.hpp"
#include "services/stores/clickhouse/schema.hpp"
#include "tests/support/clickhouse_server.hpp"

using namespace qck;
using namespace qck::clickhouse;
using namespace std::chrono_literals;

namespace {

constexpr int rounds = 5;

constexpr const char* agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"};

ClientConfig client_config(const test::ClickhouseServer& server) {
    ClientConfig config;
    config.url = *parse_clickhouse_url(server.url());
    return config;
}

std::string ask(const test::ClickhouseServer& server, const std::string& query) {
    Client client(client_config(server));
    const auto answer = client.query(query);
    if (answer) return *answer;
    std::printf("%s\n", answer.error().message.c_str());
    std::exit(EXIT_FAILURE);
}

void fill(clicks::Journal& journal, std::uint64_t count) {
    auto& shard = journal.shard(0);
    clicks::Click click;
    click.ip.kind = 4;
    for (std::uint64_t n = 0; n < count; ++n) {
        const std::uint64_t mixed = mix64(n);
        click.user_agent = shard.user_agent(agents[mixed % 3]).id;
        click.referrer = shard.referrer("https://news.example/story/" + std::to_string(n % 50));
        click.link_id = 1 + mixed % 10'000;
        click.time_ms = wall_ms();
        std::memcpy(click.ip.bytes.data(), &mixed, 4);
        while (!shard.append(click)) std::this_thread::sleep_for(1ms);
    }
}

void empty_tables(const test::ClickhouseServer& server) {
    ask(server, "TRUNCATE TABLE qck_analytics.link_events_local");
    ask(server, "TRUNCATE TABLE qck_analytics.link_events_hourly_local");
}

/// Seconds of one delivery of the whole journal.
double deliver(const std::filesystem::path& path, const test::ClickhouseServer& server,
               std::size_t rows_max) {
    std::filesystem::remove_all(path / "delivery");
    auto directory = clicks::DataDirectory::open(path, "clickhouse_bench");
    auto journal = clicks::Journal::open(**directory, {});
    EventSinkConfig config;
    config.client = client_config(server);
    ClickhouseEventSink sink(config);
    const auto begin = monotonic_ns();
    clicks::EventDeliveryConfig delivery_config;
    if (rows_max != 0) delivery_config.rows_max = rows_max;
    auto delivery = clicks::EventDelivery::start(**journal, sink, delivery_config);
    if (!(*delivery)->flush(300s)) std::printf("not delivered in time\n");
    return static_cast<double>(monotonic_ns() - begin) / 1e9;
}

/// Seconds of clickhouse-client with a file of the same rows.
double insert_by_client(const std::filesystem::path& file, const test::ClickhouseServer& server) {
    const std::string command = "clickhouse-client --host 127.0.0.1 --port " +
                                std::to_string(server.tcp_port()) + " --query \"" +
                                std::string(insert_events) + "\" < " + file.string();
    const auto begin = monotonic_ns();
    if (std::system(command.c_str()) != 0) std::printf("clickhouse-client failed\n");
    return static_cast<double>(monotonic_ns() - begin) / 1e9;
}

}  // namespace

int main(int argc, char* argv[]) {
    const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
    const std::size_t rows_max = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (!test::ClickhouseServer::installed()) {
        std::printf("clickhouse-server is not installed here\n");
        return EXIT_SUCCESS;
    }
    const test::ClickhouseServer server;
    Client client(client_config(server));
    if (!make_schema(client, {})) return EXIT_FAILURE;
    const test::TemporaryDirectory directory;
    {
        auto data = clicks::DataDirectory::open(directory.path() / "data", "clickhouse_bench");
        auto journal = clicks::Journal::open(**data, {});
        fill(**journal, count);
    }
    deliver(directory.path() / "data", server, rows_max);
    const auto file = directory.path() / "rows.native";
    {
        std::string columns(insert_events);
        columns = columns.substr(columns.find('(') + 1);
        columns = columns.substr(0, columns.find(')'));
        const std::string command =
            "clickhouse-client --host 127.0.0.1 --port " + std::to_string(server.tcp_port()) +
            " --query 'SELECT " + columns +
            " FROM qck_analytics.link_events_local FORMAT Native' > " + file.string();
        if (std::system(command.c_str()) != 0) return EXIT_FAILURE;
    }
    std::vector<double> ratios;
    for (int round = 0; round < rounds; ++round) {
        empty_tables(server);
        const double ours =
            static_cast<double>(count) / deliver(directory.path() / "data", server, rows_max);
        const std::string rows = ask(server, "SELECT count() FROM qck_analytics.link_events_local");
        empty_tables(server);
        const double theirs = static_cast<double>(count) / insert_by_client(file, server);
        std::printf("delivery %9.0f rows/s   clickhouse-client %9.0f rows/s   ratio %.2f   %s",
                    ours, theirs, ours / theirs, rows.c_str());
        ratios.push_back(ours / theirs);
    }
    std::sort(ratios.begin(), ratios.end());
    std::printf("median ratio %.2f\n", ratios[ratios.size() / 2]);
    return EXIT_SUCCESS;
}
