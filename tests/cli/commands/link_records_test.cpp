#include "cli/commands/link_records.hpp"

#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <vector>

#include "cli/commands/csv_reader.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::commands;
using nlohmann::json;

namespace {

using Rows = std::vector<std::vector<std::string>>;

/// All records, and the error that ended them if one did.
std::pair<Rows, std::string> read_csv(const std::string& text) {
    std::istringstream input(text);
    CsvReader reader(input);
    Rows rows;
    std::vector<std::string> cells;
    while (true) {
        const auto more = reader.next(cells);
        if (!more) return {rows, more.error().message};
        if (!*more) return {rows, ""};
        rows.push_back(cells);
    }
}

struct Read {
    std::vector<json> links;
    std::vector<std::uint64_t> lines;
    std::string error;
    std::uint64_t error_line = 0;
};

Read read_links(RecordFormat format, const std::string& text) {
    std::istringstream input(text);
    const auto reader = record_reader(format, input);
    Read read;
    std::string record;
    while (true) {
        const auto more = reader->next(record);
        if (!more) {
            read.error = more.error().message;
            read.error_line = reader->line();
            return read;
        }
        if (!*more) return read;
        read.links.push_back(json::parse(record));
        read.lines.push_back(reader->line());
    }
}

}  // namespace

TEST_CASE("CSV is read as RFC 4180 writes it", "[cli][csv]") {
    CHECK(read_csv("a,b\nc,d\n").first == Rows{{"a", "b"}, {"c", "d"}});
    CHECK(read_csv("a,b\r\nc,d").first == Rows{{"a", "b"}, {"c", "d"}});
    CHECK(read_csv("\"a,1\",\"b\"\"2\"\n").first == Rows{{"a,1", "b\"2"}});
    CHECK(read_csv("\"line\r\nend\",x\n").first == Rows{{"line\r\nend", "x"}});
    CHECK(read_csv(",\n").first == Rows{{"", ""}});
    CHECK(read_csv("\"\"\n").first == Rows{{""}});
    CHECK(read_csv("\n\r\na\n\n").first == Rows{{"a"}});
    CHECK(read_csv("\xef\xbb\xbf"
                   "a,b\n")
              .first == Rows{{"a", "b"}});
    CHECK(read_csv("").first.empty());
}

TEST_CASE("malformed CSV is an error after the records before it", "[cli][csv]") {
    const auto* broken = GENERATE("a\n\"b", "a\n\"b\"c\n", "a\nb\"c\n", "a\nb\rc\n");
    CAPTURE(broken);
    const auto [rows, error] = read_csv(broken);
    CHECK(rows == Rows{{"a"}});
    CHECK(error != "");
}

TEST_CASE("a record of CSV is bounded in memory", "[cli][csv]") {
    CHECK(read_csv(std::string(CsvReader::record_bytes_max * 2, 'x')).second != "");
    CHECK(read_csv("\"" + std::string(CsvReader::record_bytes_max * 2, 'x')).second != "");
}

TEST_CASE("columns of CSV come in any order and empty cells are absent", "[cli][records]") {
    const auto read = read_links(RecordFormat::csv,
                                 "url,max_age,code,expires_at,status\n"
                                 "http://a/,60,x,2099-01-01T00:00:00Z,301\n"
                                 "\"http://b/?q=1,2\",,,,\n");
    CHECK(read.error.empty());
    REQUIRE(read.links.size() == 2);
    CHECK(read.links[0] == json{{"url", "http://a/"},
                                {"max_age", 60},
                                {"code", "x"},
                                {"expires_at", "2099-01-01T00:00:00Z"},
                                {"status", 301}});
    CHECK(read.links[1] == json{{"url", "http://b/?q=1,2"}});
    CHECK(read.lines == std::vector<std::uint64_t>{2, 3});
}

TEST_CASE("what is wrong in CSV is named with its line", "[cli][records]") {
    struct Row {
        const char* text;
        const char* error;
        std::uint64_t line;
    };
    const auto row = GENERATE(values<Row>({
        {"", "the file is empty", 1},
        {"code,link\n", "unknown column \"link\": expected columns of", 1},
        {"code,status\n", "no column \"url\"", 1},
        {"url,url\n", "appears twice", 1},
        {"url,code\nhttp://a/\n", "1 cells where the header names 2", 2},
        {"url\nhttp://a/,x\n", "2 cells where the header names 1", 2},
        {"url,status\n\"http://a/\n\",301\nhttp://b/,3o1\n", "status \"3o1\" refused", 4},
        {"url,max_age\nhttp://a/,1.5\n", "max_age \"1.5\" refused", 2},
        {"url,max_age\nhttp://a/,99999999999999999999\n", "refused: expected a whole number", 2},
        {"url\nhttp://a/\n\"x\n", "never closed", 3},
    }));
    CAPTURE(row.text);
    const auto read = read_links(RecordFormat::csv, row.text);
    CAPTURE(read.error);
    CHECK(test::contains(read.error, row.error));
    CHECK(read.error_line == row.line);
}

TEST_CASE("NDJSON counts empty lines and skips them", "[cli][records]") {
    const auto read = read_links(RecordFormat::ndjson, "{\"url\":\"a\"}\n\n \r\n{\"url\":\"b\"}");
    CHECK(read.links == std::vector<json>{{{"url", "a"}}, {{"url", "b"}}});
    CHECK(read.lines == std::vector<std::uint64_t>{1, 4});
}

TEST_CASE("what is written as a record is read as the same link", "[cli][records]") {
    const auto format = GENERATE(RecordFormat::csv, RecordFormat::ndjson);
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const std::string letters = "abc,\"'|;{}[]%#?&=~";
    std::string text = record_header(format);
    std::vector<json> expected;
    for (int i = 0; i < 500; ++i) {
        std::string url = "http://a/";
        for (auto n = random() % 20; n > 0; --n) url += letters[random() % letters.size()];
        json link{{"code", "c" + std::to_string(i)}, {"url", url}, {"status", 302}};
        if (random() % 2 == 0) link["max_age"] = random() % 100;
        if (random() % 2 == 0) link["expires_at"] = "2099-01-01T00:00:00.001Z";
        expected.push_back(link);
        link.emplace("max_age", nullptr);
        link.emplace("expires_at", nullptr);
        link["id"] = "1";
        REQUIRE(append_record(format, text, link).has_value());
    }
    const auto read = read_links(format, text);
    CHECK(read.error.empty());
    CHECK(read.links == expected);
    CHECK_FALSE(append_record(format, text, json{{"code", "x"}}).has_value());
}
