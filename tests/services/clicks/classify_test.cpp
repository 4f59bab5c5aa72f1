#include "services/clicks/classify.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "services/clicks/stored_ip.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::clicks;

TEST_CASE("user agents tell people, bots and previews apart", "[clicks][classify]") {
    const char* people[] = {
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 Mobile Safari/537.36"};
    const char* bots[] = {"",
                          "Googlebot/2.1 (+http://www.google.com/bot.html)",
                          "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
                          "curl/7.88.1",
                          "Wget/1.21",
                          "python-requests/2.31",
                          "Go-http-client/1.1",
                          "qck/0.1.0 (load test)"};
    const char* previews[] = {"facebookexternalhit/1.1", "Twitterbot/1.0",
                              "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
                              "WhatsApp/2.23.20.0",
                              "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"};
    for (const char* agent : people) CHECK(classify_agent(agent) == AgentKind::human);
    for (const char* agent : bots) CHECK(classify_agent(agent) == AgentKind::bot);
    for (const char* agent : previews) CHECK(classify_agent(agent) == AgentKind::preview);
}

TEST_CASE("a click is of the first class that fits", "[clicks][classify]") {
    RequestTraits request;
    CHECK(classify(request) == ClickClass::human);
    request.agent = AgentKind::bot;
    CHECK(classify(request) == ClickClass::bot);
    request.purpose = "prefetch;prerender";
    CHECK(classify(request) == ClickClass::prefetch);
    request.purpose = "Preview";
    CHECK(classify(request) == ClickClass::preview);
    request.head = true;
    CHECK(classify(request) == ClickClass::head);
    request.expired = true;
    CHECK(classify(request) == ClickClass::expired);
    request.known = false;
    CHECK(classify(request) == ClickClass::unknown_code);
}

namespace {

StoredIp stored(const char* text, IpMode mode, const IpKey& key = {}) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    if (::inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        four.sin_family = AF_INET;
        return stored_ip(reinterpret_cast<const sockaddr*>(&four), mode, key);
    }
    REQUIRE(::inet_pton(AF_INET6, text, &six.sin6_addr) == 1);
    six.sin6_family = AF_INET6;
    return stored_ip(reinterpret_cast<const sockaddr*>(&six), mode, key);
}

}  // namespace

TEST_CASE("addresses are kept as the mode says", "[clicks][ip]") {
    CHECK(stored("192.0.2.77", IpMode::none).kind == 0);
    CHECK(stored("192.0.2.77", IpMode::full).bytes[3] == 77);
    CHECK(stored("192.0.2.77", IpMode::truncate).bytes[2] == 2);
    CHECK(stored("192.0.2.77", IpMode::truncate).bytes[3] == 0);
    CHECK(stored("::ffff:192.0.2.77", IpMode::full).kind == 4);
    const auto six = stored("2001:db8:1:2::3", IpMode::truncate);
    CHECK(six.kind == 6);
    CHECK(six.bytes[5] == 1);
    CHECK(six.bytes[7] == 0);
    const auto hashed = stored("192.0.2.77", IpMode::hash, IpKey{1});
    CHECK(hashed.kind == 255);
    CHECK(hashed.bytes == stored("192.0.2.77", IpMode::hash, IpKey{1}).bytes);
    CHECK(hashed.bytes != stored("192.0.2.77", IpMode::hash, IpKey{2}).bytes);
    CHECK(parse_ip_mode("some").has_error());
}

TEST_CASE("the keyed hash is SipHash-2-4 with 128 bits", "[clicks][ip]") {
    // The first and the sixteenth of the reference implementation's vectors_sip128.
    IpKey key{};
    std::array<std::uint8_t, 15> input{};
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::uint8_t>(i);
    CHECK(siphash128(key, {}) == std::array<std::uint8_t, 16>{0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25,
                                                              0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14,
                                                              0xc7, 0x55, 0x02, 0x93});
    CHECK(siphash128(key, input) == std::array<std::uint8_t, 16>{0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0,
                                                                 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f,
                                                                 0x97, 0xcf, 0xc3, 0xd9});
}
