#include "services/links/link_rules.hpp"

#include <string>
#include <vector>

#include "services/links/target_url.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::links;
using test::contains;

namespace {

const std::string long_label(64, 'a');

std::string refusal_of(const Result<void>& outcome) {
    return outcome ? "" : outcome.error().message;
}

LinkRules rules_of_own_hosts(std::vector<std::string> own_hosts) {
    LinkRules rules;
    rules.own_hosts = std::move(own_hosts);
    return rules;
}

}  // namespace

TEST_CASE("http and https targets with a host are links", "[links][rules]") {
    const auto target = GENERATE(
        as<std::string>{}, "http://example.com", "https://example.com/",
        "HTTPS://EXAMPLE.COM/Path?q=1#part", "hTtP://a.b:8080/x", "https://example.com?only=query",
        "https://example.com#fragment", "http://127.0.0.1:9/", "http://[::1]:8080/x",
        "http://[2001:db8::1]", "https://xn--bcher-kva.example/", "https://example.com./",
        "https://example.com/a%20b/%C3%A9", "https://under_score.example/",
        "https://example.com/{a}|b^c`d'e~f", "http://localhost/");
    CAPTURE(target);
    CHECK(refusal_of(check_target(target, {})) == "");
}

TEST_CASE("other targets are refused with the reason", "[links][rules]") {
    struct Row {
        std::string target;
        std::string reason;
    };
    const auto row = GENERATE(values<Row>({
        {"", "target is empty"},
        {"javascript:alert(1)", "only http and https"},
        {"JaVaScRiPt:alert(1)", "only http and https"},
        {"data:text/html,x", "only http and https"},
        {"ftp://example.com/", "only http and https"},
        {"httpx://example.com/", "only http and https"},
        {"https", "only http and https"},
        {"example.com", "only http and https"},
        {"//example.com/", "only http and https"},
        {" https://example.com/", "only http and https"},
        {"\thttps://example.com/", "only http and https"},
        {"http:example.com", "expected // and a host"},
        {"http:/example.com", "expected // and a host"},
        {"http://", "a host is missing"},
        {"http:///path", "a host is missing"},
        {"http://:80/", "a host is missing"},
        {"http://./", "a host is missing"},
        {"http://?x", "a host is missing"},
        {"http://a..b/", "empty part"},
        {"http://.a/", "empty part"},
        {"http://exa mple.com/", "a space"},
        {"http://example.com/a b", "a space"},
        {std::string("http://example.com/\0x", 21), "control character"},
        {"http://example.com/\r\nSet-Cookie: a=b", "control character"},
        {"http://example.com/\n", "control character"},
        {"http://example.com/\x7f", "control character"},
        {"http://example.com/\xc3\xa9", "beyond ASCII"},
        {"http://b\xc3\xbc"
         "cher.example/",
         "beyond ASCII"},
        {"http://good.example\\@evil.example/", "backslash"},
        {"http://example.com/\"onload", "percent-encode"},
        {"http://example.com/<b>", "percent-encode"},
        {"https://bank.example@evil.example/", "hides where it leads"},
        {"https://user:word@example.com/", "hides where it leads"},
        {"https://@example.com/", "hides where it leads"},
        {"http://ex%61mple.com/", "may hold only letters"},
        {"http://exa$mple.com/", "may hold only letters"},
        {"http://" + long_label + ".com/", "longer than 63"},
        {"http://2130706433/", "IPv4 address a.b.c.d"},
        {"http://127.1/", "IPv4 address a.b.c.d"},
        {"http://0x7f.0.0.1/", "IPv4 address a.b.c.d"},
        {"http://1.2.3.0x4/", "IPv4 address a.b.c.d"},
        {"http://1.2.3.256/", "IPv4 address a.b.c.d"},
        {"http://1.2.3.4.5/", "IPv4 address a.b.c.d"},
        {"http://[::1/", "'[' without ']'"},
        {"http://[hello]/", "no IPv6 address"},
        {"http://[::1]x/", "after ']'"},
        {"http://example.com:/", "port must be"},
        {"http://example.com:0/", "port must be"},
        {"http://example.com:65536/", "port must be"},
        {"http://example.com:80x/", "port must be"},
        {"http://example.com:-1/", "port must be"},
        {"http://example.com:80:80/", "port must be"},
    }));
    CAPTURE(row.target);
    const auto refusal = refusal_of(check_target(row.target, {}));
    CHECK(contains(refusal, row.reason));
    CHECK(refusal.find('\n') == std::string::npos);
}

TEST_CASE("a refusal quotes the target as one printable line", "[links][rules]") {
    CHECK(refusal_of(check_target("javascript:alert(1)", {})) ==
          "target \"javascript:alert(1)\" refused: only http and https targets");
    CHECK(contains(refusal_of(check_target("http://a/\x1b[2J\xff", {})),
                   "\"http://a/\\x1b[2J\\xff\""));
    CHECK(refusal_of(check_target("x:" + std::string(5000, 'a'), {})).size() < 250);
}

TEST_CASE("a target may be 2,048 bytes long and no more", "[links][rules]") {
    const std::string start = "http://example.com/";
    const std::string longest = start + std::string(2048 - start.size(), 'a');
    CHECK(check_target(longest, {}).has_value());
    CHECK(contains(refusal_of(check_target(longest + "a", {})), "at most 2048"));
}

TEST_CASE("a target that leads to one of our own codes is refused as a loop", "[links][rules]") {
    const auto rules = rules_of_own_hosts({"qck.example", "127.0.0.1:8080", "[2001:db8::1]:80"});
    const auto loop = GENERATE(
        as<std::string>{}, "http://qck.example/abc", "https://QCK.example./abc",
        "http://qck.example:9999/abc?x=1", "http://qck.example/abc/", "http://qck.example/%61bc",
        "http://qck.example//abc", "http://qck.example/x/../abc", "http://qck.example/./abc#f",
        "http://127.0.0.1:8080/abc", "http://localhost:8080/abc", "http://[::1]:8080/abc",
        "http://[::ffff:127.0.0.1]:8080/abc", "http://127.0.0.9:8080/abc",
        "http://[2001:DB8:0::1]/abc");
    CAPTURE(loop);
    CHECK(contains(refusal_of(check_target(loop, rules)), "would loop"));
}

TEST_CASE("targets beside our own codes are no loops", "[links][rules]") {
    const auto rules = rules_of_own_hosts({"qck.example", "0.0.0.0:8080"});
    const auto target = GENERATE(
        as<std::string>{}, "http://qck.example/", "http://qck.example", "http://qck.example/a/b",
        "http://qck.example/health", "http://qck.example/a.b", "http://other.example/abc",
        "http://sub.qck.example/abc", "http://127.0.0.1:8081/abc", "http://10.0.0.1:8080/abc");
    CAPTURE(target);
    CHECK(refusal_of(check_target(target, rules)) == "");
}

TEST_CASE("own hosts are hosts with or without a port", "[links][rules]") {
    for (const auto* good : {"qck.example", "qck.example:8080", "[::1]:80", "10.0.0.1"}) {
        CAPTURE(good);
        CHECK(parse_own_host(good).has_value());
    }
    for (const auto* bad :
         {"", "http://qck.example", "qck.example/", "a b", "qck.example:x", "a?b"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_own_host(bad).has_value());
    }
}

TEST_CASE("a wildcard listener owns every loopback name of its port", "[links][rules]") {
    const auto rules = rules_of_own_hosts({"0.0.0.0:8080"});
    CHECK_FALSE(check_target("http://127.0.0.1:8080/abc", rules).has_value());
    CHECK_FALSE(check_target("http://localhost:8080/abc", rules).has_value());
    CHECK_FALSE(check_target("http://0.0.0.0:8080/abc", rules).has_value());
}

TEST_CASE("codes are 1 to 64 of the characters of base64url and not reserved", "[links][rules]") {
    for (const auto* good : {"a", "Z9_-", "-", "_", "Health", "health2"}) {
        CAPTURE(good);
        CHECK(check_code(good).has_value());
    }
    CHECK(check_code(std::string(64, 'x')).has_value());
    for (const auto* bad : {"", "a b", "a/b", "a.b", "\xc3\xa9", "a%20", "a\n", "a+b", "health"}) {
        CAPTURE(bad);
        CHECK_FALSE(check_code(bad).has_value());
    }
    CHECK_FALSE(check_code(std::string(65, 'x')).has_value());
    CHECK_FALSE(check_code(std::string_view("a\0", 2)).has_value());
}

TEST_CASE("status, max_age and expires_at are held to their ranges", "[links][rules]") {
    for (const int good : {301, 302, 307, 308}) CHECK(check_status(good).has_value());
    for (const int bad : {0, 200, 300, 303, 304, 309, -302}) {
        CHECK_FALSE(check_status(bad).has_value());
    }
    CHECK(check_max_age(0, {}).has_value());
    CHECK(check_max_age(31'536'000, {}).has_value());
    CHECK_FALSE(check_max_age(-1, {}).has_value());
    CHECK_FALSE(check_max_age(31'536'001, {}).has_value());
    CHECK(check_expiry(1001, {}, 1000).has_value());
    CHECK_FALSE(check_expiry(1000, {}, 1000).has_value());
    LinkRules restoring;
    restoring.past_expiry_allowed = true;
    CHECK(check_expiry(1, restoring, 1000).has_value());
}

TEST_CASE("a draft becomes a link with defaults for what it leaves open", "[links][rules]") {
    LinkDraft draft;
    draft.target = "https://example.com/";
    const auto link = link_from(draft, {}, 5000);
    REQUIRE(link.has_value());
    CHECK(link->target == "https://example.com/");
    CHECK(link->code.empty());
    CHECK(link->status == 302);
    CHECK_FALSE(link->max_age_s.has_value());
    CHECK_FALSE(link->expires_at_ms.has_value());
    CHECK(link->created_at_ms == 5000);

    draft.status = 200;
    CHECK_FALSE(link_from(draft, {}, 5000).has_value());
}

TEST_CASE("an edit passes the same checks as a creation", "[links][rules]") {
    LinkPatch patch;
    patch.target = "javascript:alert(1)";
    CHECK_FALSE(check_patch(patch, {}, 0).has_value());
    patch.target = "http://example.com/";
    patch.max_age_s = std::optional<std::uint32_t>{};
    patch.expires_at_ms = std::optional<std::int64_t>{};
    CHECK(check_patch(patch, {}, 1000).has_value());
    patch.expires_at_ms = std::optional<std::int64_t>{999};
    CHECK_FALSE(check_patch(patch, {}, 1000).has_value());
}
