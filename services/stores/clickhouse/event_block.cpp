#include "services/stores/clickhouse/event_block.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "services/stores/clickhouse/native_block.hpp"

namespace qck::clickhouse {
namespace {

using clicks::EventBatch;
using clicks::EventRow;

constexpr std::size_t column_count = 21;
constexpr std::size_t ip_bytes = 16;
constexpr std::string_view class_type =
    "Enum8('human' = 0, 'bot' = 1, 'head' = 2, 'prefetch' = 3, 'preview' = 4, 'unknown_code' = 5, "
    "'expired' = 6)";
/// DateTime holds 32 bits of seconds.
constexpr std::int64_t time_ms_max = std::int64_t{UINT32_MAX} * 1000;

/// Room for so much; a row takes what its user agent and referrer take and 110 bytes.
constexpr std::size_t row_bytes_expected = 320;
/// As large as clickhouse-client sends them.
constexpr std::size_t block_rows = 65'536;

using Rows = std::span<const EventRow>;

/// What a batch's rows name by index.
struct Texts {
    using Link = clicks::LinkFacts;
    using Agent = EventBatch::AgentEntry;
    using Place = clicks::Place;

    explicit Texts(const EventBatch& batch)
        : codes(
              batch.links, [](const Link& each) -> auto& { return each.code; }),
          agents(
              batch.agents, [](const Agent& each) -> auto& { return each.text; }),
          referrers(
              batch.referrers, [](const std::string& each) -> auto& { return each; }),
          countries(
              batch.places, [](const Place& each) -> auto& { return each.country; }),
          regions(
              batch.places, [](const Place& each) -> auto& { return each.region; }),
          cities(
              batch.places, [](const Place& each) -> auto& { return each.city; }),
          devices(batch.agents, [](const Agent& each) { return each.fields.device; }),
          browsers(batch.agents, [](const Agent& each) { return each.fields.browser; }),
          systems(batch.agents, [](const Agent& each) { return each.fields.os; }) {}

    TextTable codes, agents, referrers, countries, regions, cities, devices, browsers, systems;
};

std::int64_t clamped_ms(const EventRow& row) {
    return std::clamp<std::int64_t>(row.time_ms, 0, time_ms_max);
}

/// The rows in the order of the table's key (link_id, event_time, node, shard, epoch, sequence): a
/// server that finds them so need not put 21 columns in order. They come in that of the last four.
std::vector<EventRow> in_key_order(const std::vector<EventRow>& rows) {
    struct Place {
        std::uint64_t link_id;
        std::uint64_t second_and_index;
        auto operator<=>(const Place&) const = default;
    };
    std::vector<Place> places;
    places.reserve(rows.size());
    for (const EventRow& row : rows) {
        const auto second = static_cast<std::uint64_t>(clamped_ms(row) / 1000);
        places.push_back({row.link_id, second << 32 | places.size()});
    }
    std::sort(places.begin(), places.end());
    std::vector<EventRow> ordered;
    ordered.reserve(rows.size());
    for (const Place& place : places) {
        ordered.push_back(rows[static_cast<std::uint32_t>(place.second_and_index)]);
    }
    return ordered;
}

void write_addresses(NativeBlock& block, Rows rows) {
    block.numbers<std::uint8_t>("ip_kind", "UInt8", rows,
                                [](const EventRow& row) { return row.ip.kind; });
    char* out = block.raw("ip", "FixedString(16)", rows.size() * ip_bytes);
    for (const EventRow& row : rows) {
        if (row.ip.kind == 4) {
            static constexpr char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\xff', '\xff'};
            std::memcpy(out, mapped, sizeof mapped);
            std::memcpy(out + sizeof mapped, row.ip.bytes.data(), 4);
        } else {
            std::memcpy(out, row.ip.bytes.data(), ip_bytes);
        }
        out += ip_bytes;
    }
}

void write_ids(NativeBlock& block, const EventBatch& batch, const Texts& texts, Rows rows) {
    block.numbers<std::uint64_t>("node", "UInt64", rows,
                                 [&](const EventRow&) { return batch.node; });
    block.numbers<std::uint16_t>("shard", "UInt16", rows,
                                 [](const EventRow& row) { return row.id.shard; });
    block.numbers<std::uint32_t>("epoch", "UInt32", rows,
                                 [](const EventRow& row) { return row.id.epoch; });
    block.numbers<std::uint64_t>("sequence", "UInt64", rows,
                                 [](const EventRow& row) { return row.id.sequence; });
    block.numbers<std::uint64_t>("link_id", "UInt64", rows,
                                 [](const EventRow& row) { return row.link_id; });
    block.numbers<std::uint64_t>("user_id", "UInt64", rows, [&](const EventRow& row) {
        return batch.links[row.link].user_id;
    });
    block.strings("short_code", texts.codes, rows, [](const EventRow& row) { return row.link; });
}

void write_origin(NativeBlock& block, const Texts& texts, Rows rows) {
    const auto agent = [](const EventRow& row) { return row.agent; };
    const auto place = [](const EventRow& row) { return row.place; };
    block.strings("user_agent", texts.agents, rows, agent);
    block.strings("referrer", texts.referrers, rows,
                  [](const EventRow& row) { return row.referrer; });
    block.strings("country", texts.countries, rows, place);
    block.strings("region", texts.regions, rows, place);
    block.strings("city", texts.cities, rows, place);
    block.strings("device", texts.devices, rows, agent);
    block.strings("browser", texts.browsers, rows, agent);
    block.strings("os", texts.systems, rows, agent);
}

void append_block(std::string& out, const EventBatch& batch, const Texts& texts, Rows rows) {
    NativeBlock block(out, column_count, rows.size());
    write_ids(block, batch, texts, rows);
    block.numbers<std::uint32_t>("event_time", "DateTime('UTC')", rows,
                                 [](const EventRow& row) { return clamped_ms(row) / 1000; });
    block.numbers<std::uint16_t>("event_ms", "UInt16", rows,
                                 [](const EventRow& row) { return clamped_ms(row) % 1000; });
    write_addresses(block, rows);
    write_origin(block, texts, rows);
    block.numbers<std::uint8_t>("class", class_type, rows,
                                [](const EventRow& row) { return row.click_class; });
    block.numbers<std::uint64_t>("clicks", "UInt64", rows,
                                 [](const EventRow& row) { return row.clicks; });
}

}  // namespace

std::string event_blocks(const EventBatch& batch) {
    const auto rows = in_key_order(batch.rows);
    const Texts texts(batch);
    std::string out;
    out.reserve(rows.size() * row_bytes_expected);
    for (std::size_t first = 0; first < rows.size(); first += block_rows) {
        const auto count = std::min(block_rows, rows.size() - first);
        append_block(out, batch, texts, Rows(rows).subspan(first, count));
    }
    return out;
}

}  // namespace qck::clickhouse
