// Prints what an ingested event costs: NDJSON batches of 1,000, validated, deduplicated, journaled.
// Reports; never fails. Instructions:
//   valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*receive*'
//   ingest_bench 20
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "services/clicks/journal.hpp"
#include "services/ingest/ingest_handler.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;

namespace {

constexpr std::size_t events_per_batch = 1000;

std::string batch_of_events(std::size_t batch) {
    std::string body;
    for (std::size_t i = 0; i < events_per_batch; ++i) {
        const std::string n = std::to_string(batch * events_per_batch + i);
        body += R"({"event_id":"2f9c1d7e-48b0-4c52-9d0e-)" + n + R"(","event_type":"purchase",)" +
                R"("timestamp":")" + "2026-11-21T20:14:03.250Z" + R"(","product_id":"sku-)" +
                std::to_string(i % 97) + R"(","order_amount":)" + std::to_string(i) + ".99}\n";
    }
    return body;
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t batches = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000;
    const test::TemporaryDirectory directory;
    auto data = clicks::DataDirectory::open(directory.path(), "ingest_bench");
    if (!data) return std::printf("%s\n", data.error().message.c_str()), EXIT_FAILURE;
    auto journal = clicks::Journal::open(**data, {});
    if (!journal) return std::printf("%s\n", journal.error().message.c_str()), EXIT_FAILURE;
    auto queue = sqlite::WriteQueue::open((*data)->links_database(), {});
    if (!queue) return std::printf("%s\n", queue.error().message.c_str()), EXIT_FAILURE;
    auto links = sqlite::SqliteLinkStore::open(**queue, (*data)->links_database(), {});
    if (!links) return std::printf("%s\n", links.error().message.c_str()), EXIT_FAILURE;

    ingest::RecentKeys keys(2'000'000);
    const ingest::KeyHasher hasher((*data)->identity().ip_key);
    ingest::IngestHandler handler({},
                                  {(*journal)->shard(0), [] { return 0U; }, **links, keys, hasher});

    std::vector<std::string> bodies;
    for (std::size_t batch = 0; batch < batches; ++batch) bodies.push_back(batch_of_events(batch));
    http::RequestHead head;
    head.method = http::Method::post;
    head.target = "/v1/events";
    head.content_type = "application/x-ndjson";
    const net::Address peer;
    const auto begin = monotonic_ns();
    for (const std::string& body : bodies) {
        const auto response = handler.receive({head, body, peer, monotonic_ns()}, true);
        if (response.status != 202) return std::printf("%s\n", response.body.c_str()), EXIT_FAILURE;
    }
    const auto spent = static_cast<double>(monotonic_ns() - begin);
    const auto events = static_cast<double>(batches * events_per_batch);
    std::printf("ingest an event             %6.0f ns (%.0f bytes of JSON each)\n", spent / events,
                static_cast<double>(bodies[0].size()) / events_per_batch);
    std::printf("keys remembered             %6zu, %.1f bytes each\n", keys.size(),
                static_cast<double>(keys.bytes()) / static_cast<double>(keys.size()));
    return EXIT_SUCCESS;
}
