#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/clicks/journal.hpp"
#include "tests/integration/shared_stores.hpp"

namespace qck::test {

/// Links 1 to `links` with codes l1, l2, … in PostgreSQL, and a journal of two shards in which each
/// has so many clicks, PostgreSQL having their totals already: what clicks over HTTP would come to,
/// made in seconds. The service that is started there gives them to the other stores.
inline void make_many_links(const SharedStores& stores, const std::filesystem::path& data_dir,
                            std::uint64_t links, std::uint64_t clicks_a_link) {
    auto directory = clicks::DataDirectory::open(data_dir, "test");
    if (!directory) FAIL(directory.error().message);
    clicks::JournalConfig config;
    config.shards = 2;
    auto journal = clicks::Journal::open(**directory, config);
    if (!journal) FAIL(journal.error().message);
    clicks::Click click;
    click.time_ms = wall_ms() - 3'600'000;
    for (std::uint64_t round = 0; round < clicks_a_link; ++round) {
        for (std::uint64_t link = 1; link <= links; ++link) {
            click.link_id = link;
            click.time_ms += link % 1'000 == 0 ? 1 : 0;
            if (!(*journal)->shard(link % 2).append(click)) FAIL("the journal is full");
        }
    }
    char node[24];
    std::snprintf(node, sizeof node, "%016llx",
                  static_cast<unsigned long long>((*directory)->identity().node));
    const std::string numbers = " FROM generate_series(1, " + std::to_string(links) + ") AS n";
    const std::string count = std::to_string(clicks_a_link);
    stores.postgres.sql(
        "INSERT INTO links(id, short_code, target_url, status, created_at, updated_at, click_count)"
        " SELECT n, 'l' || n, 'https://example.com/', 302, now(), now(), " +
        count + numbers);
    stores.postgres.sql(
        "INSERT INTO link_click_totals(link_id, class, producer, total, added)"
        " SELECT n, " +
        std::to_string(static_cast<int>(click.click_class)) + ", '" + node + ".' || n % 2, " +
        count + ", 0" + numbers);
    stores.postgres.sql("ANALYZE");
}

}  // namespace qck::test
