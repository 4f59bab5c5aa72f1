#include "base/http/target.hpp"

#include "tests/support/catch.hpp"

using namespace qck::http;

TEST_CASE("percent escapes decode, and wrong ones are refused", "[base][http][target]") {
    CHECK(percent_decode("a%20b%C3%A9+") == "a b\xc3\xa9+");
    CHECK(percent_decode("a+b", Plus::is_space) == "a b");
    CHECK(percent_decode("") == "");
    for (const char* wrong : {"%", "%4", "a%4", "%zz", "%4g", "%00", "%-1"}) {
        CAPTURE(wrong);
        CHECK_FALSE(percent_decode(wrong).has_value());
    }
}

TEST_CASE("encoding and decoding are inverse", "[base][http][target]") {
    CHECK(percent_encode("a b/\xc3\xa9~") == "a%20b%2F%C3%A9~");
    std::string all;
    for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
    CHECK(percent_decode(percent_encode(all)) == all);
}

TEST_CASE("a query is walked pair by pair", "[base][http][target]") {
    std::string seen;
    for (QueryParameters p("a=1&&b&=c&d=e=f&"); p.next();) {
        seen += std::string(p.name()) + ':' + std::string(p.value()) + ';';
    }
    CHECK(seen == "a:1;b:;:c;d:e=f;");
    CHECK_FALSE(QueryParameters("").next());
}
