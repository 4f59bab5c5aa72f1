#include "base/http/scan.hpp"

#include <cstdlib>
#include <random>

#include "base/http/field_name.hpp"
#include "tests/base/http/parse_outcome.hpp"
#include "tests/support/catch.hpp"

using namespace qck::http;

TEST_CASE("vector scans stop where the tables say, at every length and byte",
          "[base][http][scan]") {
    const char* const given = std::getenv("QCK_TEST_SEED");
    const unsigned seed =
        given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 20'000; ++round) {
        std::string text(random() % 90, random() % 4 == 0 ? '7' : 'a');
        for (char& byte : text) {
            if (random() % 20 == 0) byte = static_cast<char>(random() % 256);
        }
        const test::ExactBuffer buffer(text);
        const char* const begin = buffer.view().data();
        const char* const end = begin + text.size();
        const char* const from = begin + (text.empty() ? 0 : random() % (text.size() + 1));
        CAPTURE(text, from - begin);
        const char* const block_end = end - from > 64 ? from + 64 : end;
        REQUIRE(control_bits(begin, from, block_end) == bits_not_in(text_byte, from, block_end));
        REQUIRE(find_target_end(begin, from, end) == find_not_in(target_byte, from, end));
        REQUIRE(find_host_end(begin, from, end) == find_not_in(host_byte, from, end));
        REQUIRE(find_digits_end(begin, from, end) == find_not_in(digit_byte, from, end));
        REQUIRE(find_token_end(begin, from, end) == find_not_in(token_byte, from, end));
    }
}

TEST_CASE("each byte is in the classes that the RFCs put it in", "[base][http][scan]") {
    CHECK(is_in('\t', line_byte));
    CHECK(is_in('\x80', line_byte));
    CHECK_FALSE(is_in('\x7f', line_byte));
    CHECK_FALSE(is_in('\0', line_byte));
    CHECK_FALSE(is_in('\0', token_byte));
    CHECK_FALSE(is_in('#', target_byte));
    CHECK_FALSE(is_in(' ', target_byte));
    CHECK_FALSE(is_in('\x80', target_byte));
    int tokens = 0;
    for (int byte = 0; byte < 256; ++byte)
        tokens += is_in(static_cast<char>(byte), token_byte) ? 1 : 0;
    CHECK(tokens == 77);
}

TEST_CASE("one wrong byte makes a header name another", "[base][http][scan]") {
    const std::pair<std::string, Field> names[] = {{"host", Field::host},
                                                   {"user-agent", Field::user_agent},
                                                   {"referer", Field::referer},
                                                   {"sec-purpose", Field::purpose},
                                                   {"purpose", Field::purpose},
                                                   {"x-moz", Field::purpose},
                                                   {"authorization", Field::authorization},
                                                   {"content-type", Field::content_type},
                                                   {"content-encoding", Field::content_encoding},
                                                   {"accept", Field::accept},
                                                   {"x-forwarded-for", Field::forwarded_for},
                                                   {"content-length", Field::content_length},
                                                   {"transfer-encoding", Field::transfer_encoding},
                                                   {"connection", Field::connection},
                                                   {"expect", Field::expect},
                                                   {"location", Field::location},
                                                   {"retry-after", Field::retry_after}};
    for (const auto& [lower, field] : names) {
        CAPTURE(lower);
        CHECK(field_of(lower) == field);
        for (std::size_t at = 0; at < lower.size(); ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                if (!is_in(static_cast<char>(byte), token_byte)) continue;
                std::string name = lower;
                name[at] = static_cast<char>(byte);
                const bool same_letter = (byte | 0x20) == lower[at] && lower[at] != '-';
                const bool same = same_letter || byte == lower[at];
                REQUIRE((field_of(name) == field) == same);
            }
        }
    }
}
