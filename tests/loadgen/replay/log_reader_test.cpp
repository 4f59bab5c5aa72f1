#include "loadgen/replay/log_reader.hpp"

#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <utility>

#include "loadgen/replay/log_feed.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using namespace qck::replay;

namespace {

struct Log {
    explicit Log(const std::string& text) { std::ofstream(path(), std::ios::binary) << text; }
    std::string path() const { return (directory.path() / "log").string(); }
    std::vector<std::int64_t> offsets(LogReader& reader) const {
        std::vector<std::int64_t> all;
        while (const auto due = reader.next()) all.push_back(due->offset_ns / 1'000'000);
        return all;
    }
    test::TemporaryDirectory directory;
};

std::string common(const std::string& time, const std::string& request = "GET /x HTTP/1.1") {
    return "- - - [22/Nov/2026:" + time + " +0000] \"" + request + "\" 200 0\n";
}

}  // namespace

TEST_CASE("requests keep the spacing of the log, and never go back in time", "[loadgen][replay]") {
    const Log log("100\t/a\n350\t/b\n300\t/c\n1100\t/d\n");
    auto reader = LogReader::open(log.path(), std::nullopt);
    REQUIRE(reader.has_value());
    CHECK(reader->format() == LogFormat::ms_uri);
    CHECK(reader->length_ns() == 1'000'000'000);
    CHECK(log.offsets(*reader) == std::vector<std::int64_t>{0, 250, 250, 1000});
    CHECK(reader->counts().out_of_order == 1);
    CHECK(reader->counts().requests == 4);
}

TEST_CASE("the requests of a second whose parts are not known are spread over it",
          "[loadgen][replay]") {
    const Log log(common("08:00:00") + common("08:00:00") + common("08:00:00") +
                  common("08:00:00") + common("08:00:02") + common("08:00:02"));
    auto reader = LogReader::open(log.path(), std::nullopt);
    REQUIRE(reader.has_value());
    CHECK(reader->length_ns() == 3'000'000'000);
    CHECK(log.offsets(*reader) == std::vector<std::int64_t>{0, 250, 500, 750, 2000, 2500});
}

TEST_CASE("lines that cannot be read are counted and the first few named", "[loadgen][replay]") {
    std::string text = common("08:00:00") + "broken\n" + common("08:00:01", "POST /x HTTP/1.1") +
                       "\n" + common("08:00:01");
    for (int i = 0; i < 20; ++i) text += "also broken\n";
    const Log log(text);
    auto reader = LogReader::open(log.path(), std::nullopt);
    REQUIRE(reader.has_value());
    CHECK(log.offsets(*reader).size() == 2);
    const LineCounts& counts = reader->counts();
    CHECK(counts.lines == 25);
    CHECK(counts.requests == 2);
    CHECK(counts.other_method == 1);
    CHECK(counts.malformed == 21);
    REQUIRE(counts.first_malformed.size() == LineCounts::malformed_shown_max);
    CHECK(counts.first_malformed[0].line == 2);
    CHECK(counts.first_malformed[1].line == 6);
}

TEST_CASE("a line from a clock that jumped ahead holds nothing up", "[loadgen][replay]") {
    const Log log(common("08:00:00") + common("23:00:00") + common("08:00:02"));
    auto reader = LogReader::open(log.path(), std::nullopt);
    REQUIRE(reader.has_value());
    CHECK(reader->length_ns() == 15 * 3'600 * 1'000'000'000LL + 1'000'000'000);

    // Far from the last lines, by which the length is known.
    std::string text = common("08:00:00") + common("23:00:00");
    for (int i = 0; i < 6'000; ++i) text += common("08:00:01");
    const Log other(text);
    auto skipping = LogReader::open(other.path(), std::nullopt);
    REQUIRE(skipping.has_value());
    CHECK(skipping->length_ns() == 2'000'000'000);
    CHECK(other.offsets(*skipping).back() < 2'000);
    CHECK(skipping->counts().malformed == 1);
    CHECK(skipping->counts().first_malformed.at(0).why ==
          "expected a time before that of the log's last lines");
}

TEST_CASE("a log that ends with what is not replayed keeps all that is", "[loadgen][replay]") {
    std::string text = common("08:00:00") + common("09:30:00");
    const auto opened = [&text](const char* time, const char* request, int lines) {
        for (int i = 0; i < lines; ++i) text += common(time, request);
        auto log = std::make_unique<Log>(text);
        auto reader = LogReader::open(log->path(), std::nullopt);
        REQUIRE(reader.has_value());
        const std::int64_t length_s = reader->length_ns() / 1'000'000'000;
        while (reader->next()) {
        }
        CHECK(reader->counts().requests == 2);
        return std::pair{reader->counts().malformed, length_s};
    };
    // 400 KB of what servers log of requests that were none.
    CHECK(opened("09:31:00", "-", 8'000) == std::pair<std::uint64_t, std::int64_t>(8'000, 5'401));
    // And 17 MB of POSTs after that: the last of them is as near to the end as can be said.
    CHECK(opened("11:00:00", "POST /x HTTP/1.1", 280'000) ==
          std::pair<std::uint64_t, std::int64_t>(8'000, 10'801));
    // No time at all in the last 16 MB.
    for (int i = 0; i < 3'000'000; ++i) text += "broken\n";
    CHECK(opened("", "", 0) == std::pair<std::uint64_t, std::int64_t>(3'008'000, 1));
}

TEST_CASE("a pipe is no log, and not waited for", "[loadgen][replay]") {
    const test::TemporaryDirectory directory;
    const std::string pipe = (directory.path() / "pipe").string();
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const auto refused = LogReader::open(pipe, std::nullopt);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::invalid_argument);
    CHECK(refused.error().message == "cannot read " + pipe + ": not a regular file");
}

TEST_CASE("of a log that grows, what it held when it was opened is replayed", "[loadgen][replay]") {
    const Log log("0\t/a\n10\t/b\n");
    auto reader = LogReader::open(log.path(), std::nullopt);
    REQUIRE(reader.has_value());
    std::ofstream(log.path(), std::ios::app) << "20\t/c\n";
    CHECK(log.offsets(*reader) == std::vector<std::int64_t>{0, 10});
}

TEST_CASE("a log without a request is refused, and says why", "[loadgen][replay]") {
    const Log log("what\nis this\n");
    const auto unknown = LogReader::open(log.path(), std::nullopt);
    REQUIRE_FALSE(unknown.has_value());
    CHECK(unknown.error().code == Errc::invalid_argument);
    CHECK(unknown.error().message.find("none of its first 2 lines") != std::string::npos);
    const auto named = LogReader::open(log.path(), LogFormat::common);
    REQUIRE_FALSE(named.has_value());
    CHECK(named.error().message ==
          log.path() +
              ": nothing to replay: of 2 lines 2 cannot be read as common and 0 are not GET or "
              "HEAD (line 1: expected a time in brackets)");
    CHECK_FALSE(LogReader::open(log.directory.path().string(), std::nullopt).has_value());
    CHECK_FALSE(LogReader::open("/nowhere", std::nullopt).has_value());
}

TEST_CASE("a last line without an end and lines that end as on Windows are lines",
          "[loadgen][replay]") {
    const Log log("0\t/a\r\n10\t/b");
    auto reader = LogReader::open(log.path(), std::nullopt);
    REQUIRE(reader.has_value());
    auto first = reader->next();
    REQUIRE(first.has_value());
    CHECK(first->request.path == "/a");
    CHECK(log.offsets(*reader) == std::vector<std::int64_t>{10});
}

TEST_CASE("a feed gives every request once, whoever takes it, and holds a bounded number",
          "[loadgen][replay]") {
    std::string text;
    constexpr std::size_t requests = 200'000;  // three times what the queue holds
    for (std::size_t i = 0; i < requests; ++i) {
        text += std::to_string(i) + "\t/" + std::to_string(i) + "\n";
    }
    const Log log(text);
    LogFeed::Config config;
    config.host_header = "h";
    config.path_prefix = "/p";
    config.user_agent = "a";
    config.speed = 2;
    LogFeed feed(*LogReader::open(log.path(), std::nullopt), config);
    std::vector<engine::FeedItem> items;
    while (feed.take(items, 16)) {
    }
    REQUIRE(items.size() == requests);
    CHECK(items[0].bytes == "GET /p/0 HTTP/1.1\r\nHost: h\r\nUser-Agent: a\r\n\r\n");
    bool in_order = true;
    for (std::size_t i = 0; i < requests; ++i) {
        in_order = in_order && items[i].due_ns == static_cast<std::int64_t>(i) * 500'000;
    }
    CHECK(in_order);
    CHECK(feed.counts().requests == requests);

    // One that nobody takes from ends all the same.
    const LogFeed idle(*LogReader::open(log.path(), std::nullopt), config);
}
