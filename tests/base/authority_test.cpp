#include "base/authority.hpp"

#include "tests/support/catch.hpp"

using namespace qck;

TEST_CASE("an authority is a host, and perhaps a port", "[base]") {
    struct Case {
        std::string_view text;
        std::string_view host;
        bool bracketed;
        std::optional<std::uint16_t> port;
    };
    for (const Case& one : {Case{"example.com", "example.com", false, {}},
                            Case{"127.0.0.1:8080", "127.0.0.1", false, 8080},
                            Case{"[::1]", "::1", true, {}}, Case{"[::1]:65535", "::1", true, 65535},
                            Case{":80", "", false, 80}, Case{"", "", false, {}}}) {
        CAPTURE(one.text);
        const auto parts = split_authority(one.text);
        REQUIRE(parts.has_value());
        CHECK(parts->host == one.host);
        CHECK(parts->bracketed == one.bracketed);
        CHECK(parts->port == one.port);
    }
    CHECK(bracketed_host("::1") == "[::1]");
    CHECK(bracketed_host("a.b") == "a.b");
}

TEST_CASE("an authority that is none says why", "[base]") {
    for (const char* const text : {"a:", "a:0", "a:65536", "a:-1", "a:+1", "a: 1", "a:1x", "a:0x1",
                                   "::1", "[::1]:", "a:1:2"}) {
        CAPTURE(text);
        CHECK(split_authority(text).error().message == "the port must be a number from 1 to 65535");
    }
    CHECK(split_authority("[::1").error().message == "the host has '[' without ']'");
    CHECK(split_authority("[::1]80").error().message == "expected ':' and a port after ']'");
}
