#include "services/clicks/agent_fields.hpp"

#include <string>

#include "services/clicks/country_code.hpp"
#include "services/clicks/frame.hpp"
#include "tests/support/catch.hpp"

using namespace qck::clicks;

TEST_CASE("a user agent tells device, browser and system", "[clicks]") {
    struct Known {
        const char* text;
        const char* fields;
    };
    const Known known[] = {
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36",
         "desktop Chrome Windows"},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
         "desktop Edge Windows"},
        {"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/17.5 Safari/605.1.15",
         "desktop Safari macOS"},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
         "like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
         "mobile Chrome iOS"},
        {"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/17.5 Mobile/15E148 Safari/604.1",
         "tablet Safari iOS"},
        {"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
         "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
         "mobile Samsung Internet Android"},
        {"Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36",
         "tablet Chrome Android"},
        {"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
         "desktop Firefox Linux"},
        {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36",
         "desktop Chrome ChromeOS"},
        {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot  "},
        {"", "  "},
        {"something else", "  "}};
    for (const Known& each : known) {
        const AgentFields fields = agent_fields(each.text);
        INFO(each.text);
        CHECK(std::string(fields.device) + " " + std::string(fields.browser) + " " +
                  std::string(fields.os) ==
              each.fields);
    }
}

TEST_CASE("a country is one byte, and the byte is the country", "[clicks]") {
    CHECK(country_code("AD") == 1);
    CHECK(country_code("ZW") == 249);
    CHECK(country_code("de") == country_code("DE"));
    for (const char* none : {"", "D", "DEU", "XX", "T1", "@@", "[[", "\xff\xff"}) {
        CHECK(country_code(none) == 0);
    }
    for (int code = 1; code <= 249; ++code) {
        CHECK(country_code(country_name(static_cast<std::uint8_t>(code))) == code);
    }
    CHECK(country_name(0).empty());
    CHECK(country_name(250).empty());
}

TEST_CASE("a click keeps its country in the journal", "[clicks]") {
    alignas(16) std::uint64_t words[8] = {};
    Click click;
    click.time_ms = 1'780'000'000'000;
    click.ip.kind = 6;
    click.country = country_code("BR");
    write_click(words, 1, 0, click);
    const Click read = Frame{reinterpret_cast<const std::byte*>(words)}.click();
    CHECK(read.country == country_code("BR"));
    CHECK(read.ip.kind == 6);
    CHECK(read.time_ms == click.time_ms);
}
