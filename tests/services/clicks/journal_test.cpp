#include "services/clicks/journal.hpp"

#include <algorithm>
#include <fstream>

#include "services/clicks/journal_scan.hpp"
#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;

TEST_CASE("what is appended is read back, field by field", "[clicks][journal]") {
    const qck::test::TemporaryDirectory directory;
    auto data = take(DataDirectory::open(directory.path(), "test"));
    auto journal = take(Journal::open(*data, small_journal()));
    JournalShard& shard = journal->shard(0);

    Click click = click_on(77, ClickClass::preview, some_time_ms + 5);
    click.user_agent = shard.user_agent("Twitterbot/1.0").id;
    click.referrer = shard.referrer("https://t.co/x");
    REQUIRE(shard.append(click));
    Event event;
    event.key = {1, 2};
    event.time_ms = some_time_ms;
    event.type = "purchase";
    event.product = "sku-1";
    event.has_amount = true;
    event.amount_micros = -12'340'000;
    REQUIRE(shard.append(event));
    REQUIRE(shard.append(click, EventKey{3, 4}));
    CHECK(shard.appended_records() == 3);
    journal.reset();

    struct Checker final : RecordSink {
        void frames(const SegmentId&, std::span<const std::byte> run) override {
            for_each_frame(run, [this](const Frame& frame) { check(frame); });
        }
        void damage(const Damage&) override { FAIL("nothing is damaged"); }
        void check(const Frame& frame) {
            if (frame.is_click()) {
                const Click read = frame.click();
                CHECK(read.link_id == 77);
                CHECK(read.time_ms == some_time_ms + 5);
                CHECK(read.click_class == ClickClass::preview);
                CHECK(read.ip.kind == 4);
                CHECK(read.ip.bytes[1] == 0);
                CHECK(strings[{FrameType::user_agent, read.user_agent}] == "Twitterbot/1.0");
                CHECK(strings[{FrameType::referrer, read.referrer}] == "https://t.co/x");
            }
            if (frame.type() == FrameType::edge_click) CHECK(frame.key() == EventKey{3, 4});
            if (frame.type() == FrameType::user_agent || frame.type() == FrameType::referrer) {
                strings[{frame.type(), frame.string_id()}] = frame.string();
            }
            if (frame.type() == FrameType::event) {
                const Event read = frame.event();
                CHECK(read.key == EventKey{1, 2});
                CHECK(read.type == "purchase");
                CHECK(read.product == "sku-1");
                CHECK(read.has_amount);
                CHECK(read.amount_micros == -12'340'000);
            }
            if (frame.is_record()) CHECK(frame.index() == records++);
        }
        std::map<std::pair<FrameType, std::uint16_t>, std::string> strings;
        std::uint32_t records = 0;
    } checker;
    ShardReader::Options options;
    options.journal = directory.path() / "journal";
    options.node = data->identity().node;
    ShardReader reader(options, {});
    ReadBuffer buffer;
    CHECK(take(reader.read(journal_end, 1 << 20, buffer, checker)));
    CHECK(checker.records == 3);
}

TEST_CASE("each segment holds the strings that its clicks name", "[clicks][journal]") {
    const qck::test::TemporaryDirectory directory;
    auto data = take(DataDirectory::open(directory.path(), "test"));
    auto journal = take(Journal::open(*data, small_journal()));
    JournalShard& shard = journal->shard(0);
    for (int n = 0; n < 5000; ++n) {
        Click click = click_on(1);
        click.user_agent = shard.user_agent("agent " + std::to_string(n % 7)).id;
        REQUIRE(shard.append(click));
    }
    const auto segments = take(list_segments(data->journal(), 0));
    REQUIRE(segments.size() > 3);
    for (const auto& id : segments) {
        Contents contents;
        ShardReader::Options options;
        options.journal = data->journal();
        options.node = data->identity().node;
        ShardReader reader(options, {id.epoch, id.number, 0});
        ReadBuffer buffer;
        take(reader.read({id.epoch, id.number + 1, 0}, 1 << 20, buffer, contents));
        if (contents.records >= 7) CHECK(contents.agents.size() == 7);
    }
}

TEST_CASE("a dictionary that someone fills forgets and goes on", "[clicks][journal]") {
    StringDictionary dictionary;
    dictionary.begin_segment(1);
    std::size_t refused = 0;
    for (int n = 0; n < 10'000; ++n) {
        if (dictionary.find_or_add("made up " + std::to_string(n)) == 0) ++refused;
    }
    CHECK(refused > 5000);
    CHECK(dictionary.find_or_add("made up 5") != 0);
    dictionary.begin_segment(2);
    const auto id = dictionary.find_or_add("a real one");
    CHECK(id != 0);
    CHECK(dictionary.text(id) == "a real one");
    CHECK(dictionary.unwritten(id));
    CHECK(dictionary.find_or_add(std::string(300, 'x')) ==
          dictionary.find_or_add(std::string(255, 'x')));
}

TEST_CASE("a held data directory names its holder", "[clicks][journal]") {
    const qck::test::TemporaryDirectory directory;
    const auto held = take(DataDirectory::open(directory.path(), "qck serve"));
    const auto second = DataDirectory::open(directory.path(), "qck serve");
    REQUIRE(second.has_error());
    CHECK(second.error().code == Errc::unavailable);
    CHECK(second.error().message == directory.path().string() + " is in use by process " +
                                        std::to_string(::getpid()) +
                                        " (another qck serve); give this one its own --data-dir");
}

TEST_CASE("epochs rise at every start and the node stays, with node.json lost too",
          "[clicks][journal]") {
    const qck::test::TemporaryDirectory directory;
    std::uint64_t node = 0;
    for (std::uint32_t start = 1; start <= 3; ++start) {
        auto data = take(DataDirectory::open(directory.path(), "test"));
        auto journal = take(Journal::open(*data, small_journal()));
        REQUIRE(journal->shard(0).append(click_on(1)));
        CHECK(data->identity().epoch == start);
        if (start > 1) CHECK(data->identity().node == node);
        node = data->identity().node;
    }
    std::filesystem::remove(directory.path() / "node.json");
    const auto data = take(DataDirectory::open(directory.path(), "test"));
    CHECK(data->identity().node == node);
    CHECK(data->identity().epoch == 4);
}

TEST_CASE("the checksum is CRC-32C, by table and by instruction", "[clicks][journal]") {
    CHECK(crc32c(0, "123456789", 9) == 0xE3069283);
    CHECK(crc32c_by_table(0, "123456789", 9) == 0xE3069283);
    std::string text;
    for (int n = 0; n < 300; ++n) {
        text.push_back(static_cast<char>(n * 31));
        CHECK(crc32c(7, text.data(), text.size()) == crc32c_by_table(7, text.data(), text.size()));
    }
    CHECK(crc32c(crc32c(0, "12345", 5), "6789", 4) == 0xE3069283);
}

TEST_CASE("--journal-keep reads times and sizes", "[clicks][journal]") {
    CHECK(take(parse_journal_keep("1h,2GB")).time == std::chrono::hours(1));
    CHECK(take(parse_journal_keep("1h,2GB")).bytes == std::uint64_t{2} << 30);
    CHECK(take(parse_journal_keep("5m")).bytes == std::uint64_t{8} << 30);
    CHECK(parse_journal_keep("soon").has_error());
    CHECK(parse_journal_keep("1h,").has_error());
}

TEST_CASE("keys are scanned in the order of their writing, whatever shard they are in",
          "[clicks][P2]") {
    const qck::test::TemporaryDirectory directory;
    std::uint64_t last = 0;
    for (const std::uint16_t shards : {3, 1, 2}) {  // the last shard is the one for keys
        auto data = take(DataDirectory::open(directory.path(), "test"));
        auto journal = take(Journal::open(*data, small_journal(shards)));
        for (int n = 0; n < 2'000; ++n) {
            REQUIRE(journal->shard(shards - 1).append(click_on(1), {++last, 7}));
        }
    }
    std::vector<std::uint64_t> seen;
    REQUIRE(scan_keys(directory.path(), [&](const EventKey& key, std::int64_t) {
                seen.push_back(key.high);
            }).has_value());
    CHECK(seen.size() == 6'000);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
}
