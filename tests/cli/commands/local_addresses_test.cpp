#include "cli/commands/local_addresses.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using commands::parse_local_addresses;

TEST_CASE("local addresses are those of this machine, and come back as text", "[cli]") {
    const auto two = parse_local_addresses("127.0.0.2,127.9.9.9");
    REQUIRE(two.has_value());
    REQUIRE(two->size() == 2);
    CHECK(two->back().to_string() == "127.9.9.9:0");
    CHECK(commands::text_of(*two) == "127.0.0.2,127.9.9.9");
    CHECK(commands::text_of({}).empty());
}

TEST_CASE("what is no local address is refused by name", "[cli]") {
    const auto refused = [](const char* text) {
        const auto parsed = parse_local_addresses(text);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().code == Errc::invalid_argument);
        return parsed.error().message;
    };
    // TEST-NET-1 of RFC 5737: nobody's.
    CHECK(refused("127.0.0.2,192.0.2.7") ==
          "'192.0.2.7' is no address of this machine (Cannot assign requested address)");
    const std::string hint = " is no IP address (try 127.0.0.2, or 10.0.0.5,10.0.0.6)";
    CHECK(refused("here") == "'here'" + hint);
    CHECK(refused("127.0.0.2,") == "''" + hint);
    CHECK(refused("127.0.0.2:80") == "'127.0.0.2:80'" + hint);
}
