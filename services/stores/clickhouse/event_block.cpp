#include "services/stores/clickhouse/event_block.hpp"

#include <algorithm>
#include <string>
#include <vector>

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

/// One text of each entry of a table.
template <class Entries, class Text>
std::vector<std::string> texts_of(const Entries& entries, Text&& text) {
    std::vector<std::string> texts;
    texts.reserve(entries.size());
    for (const auto& entry : entries) texts.emplace_back(text(entry));
    return texts;
}

std::int64_t clamped_ms(const EventRow& row) {
    return std::clamp<std::int64_t>(row.time_ms, 0, time_ms_max);
}

void write_addresses(NativeBlock& block, const std::vector<EventRow>& rows) {
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

void write_ids(NativeBlock& block, const EventBatch& batch) {
    const auto& rows = batch.rows;
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
    const auto codes =
        texts_of(batch.links, [](const clicks::LinkFacts& link) { return link.code; });
    block.strings("short_code", codes, rows, [](const EventRow& row) { return row.link; });
}

}  // namespace

NativeBlock event_block(const EventBatch& batch) {
    const auto& rows = batch.rows;
    NativeBlock block(column_count, rows.size(), rows.size() * 320 + 1024);
    write_ids(block, batch);
    block.numbers<std::uint32_t>("event_time", "DateTime('UTC')", rows,
                                 [](const EventRow& row) { return clamped_ms(row) / 1000; });
    block.numbers<std::uint16_t>("event_ms", "UInt16", rows,
                                 [](const EventRow& row) { return clamped_ms(row) % 1000; });
    write_addresses(block, rows);

    const auto agent = [](const EventRow& row) { return row.agent; };
    const auto place = [](const EventRow& row) { return row.place; };
    using Agent = EventBatch::AgentEntry;
    using clicks::Place;
    const auto agents = texts_of(batch.agents, [](const Agent& each) { return each.text; });
    block.strings("user_agent", agents, rows, agent);
    block.strings("referrer", batch.referrers, rows,
                  [](const EventRow& row) { return row.referrer; });
    const auto countries = texts_of(batch.places, [](const Place& each) { return each.country; });
    block.strings("country", countries, rows, place);
    const auto regions = texts_of(batch.places, [](const Place& each) { return each.region; });
    block.strings("region", regions, rows, place);
    const auto cities = texts_of(batch.places, [](const Place& each) { return each.city; });
    block.strings("city", cities, rows, place);
    const auto devices =
        texts_of(batch.agents, [](const Agent& each) { return each.fields.device; });
    block.strings("device", devices, rows, agent);
    const auto browsers =
        texts_of(batch.agents, [](const Agent& each) { return each.fields.browser; });
    block.strings("browser", browsers, rows, agent);
    const auto systems = texts_of(batch.agents, [](const Agent& each) { return each.fields.os; });
    block.strings("os", systems, rows, agent);
    block.numbers<std::uint8_t>("class", class_type, rows,
                                [](const EventRow& row) { return row.click_class; });
    block.numbers<std::uint64_t>("clicks", "UInt64", rows,
                                 [](const EventRow& row) { return row.clicks; });
    return block;
}

}  // namespace qck::clickhouse
