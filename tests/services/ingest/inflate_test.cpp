#include "services/ingest/inflate.hpp"

#include <string>

#include "tests/services/ingest/gzip.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using ingest::inflate_gzip;

TEST_CASE("a gzip body unpacks to what was packed", "[ingest][gzip]") {
    const std::string content(200'000, 'x');
    std::string out = "before ";
    REQUIRE(inflate_gzip(test::gzip(content), content.size(), out).has_value());
    CHECK(out == "before " + content);
}

TEST_CASE("members that follow each other are one body", "[ingest][gzip]") {
    std::string out;
    REQUIRE(inflate_gzip(test::gzip("one\n") + test::gzip("two\n"), 100, out).has_value());
    CHECK(out == "one\ntwo\n");
}

TEST_CASE("a gzip bomb stops where a good body would have ended", "[ingest][gzip]") {
    const std::string bomb = test::gzip(std::string(64 << 20, '0'));
    REQUIRE(bomb.size() < 100'000);
    std::string out;
    const auto unpacked = inflate_gzip(bomb, 1 << 20, out);
    REQUIRE(unpacked.has_error());
    CHECK(unpacked.error().code == Errc::unavailable);
    CHECK(out.capacity() < 4 << 20);
    // Many small members add up, too.
    std::string members;
    for (int i = 0; i < 100; ++i) members += test::gzip(std::string(20'000, '0'));
    out.clear();
    CHECK(inflate_gzip(members, 1 << 20, out).has_error());
}

TEST_CASE("cut, damaged and foreign bytes are told apart from content", "[ingest][gzip]") {
    const std::string good = test::gzip(std::string(1000, 'a') + "the end");
    std::string out;
    for (std::size_t size = 0; size < good.size(); ++size) {
        CAPTURE(size);
        CHECK(inflate_gzip(good.substr(0, size), 10'000, out).has_error());
    }
    std::string damaged = good;
    damaged[damaged.size() - 6] ^= 1;  // its checksum
    CHECK(inflate_gzip(damaged, 10'000, out).has_error());
    CHECK(inflate_gzip("{\"event_type\":\"sale\"}", 10'000, out).has_error());
    CHECK(inflate_gzip(good + "tail", 10'000, out).has_error());
}
