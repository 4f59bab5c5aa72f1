#include "services/stores/maxmind/places.hpp"

#include "base/net/address.hpp"
#include "services/clicks/country_code.hpp"
#include "services/clicks/stored_ip.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/place_database.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

using namespace qck;
using maxmind::PlaceFile;
using test::PlaceDatabase;

net::Address address_of(const std::string& host) {
    return *net::parse_address(host.find(':') == std::string::npos ? host + ":1"
                                                                   : "[" + host + "]:1");
}

std::string country_of(const PlaceFile& file, const std::string& host) {
    return std::string(clicks::country_name(file.country(address_of(host).data())));
}

PlaceDatabase countries() {
    return PlaceDatabase()
        .country("2.16.0.0/16", "DE")
        .country("5.5.5.128/25", "FR")
        .country("2001:db8:7::/48", "JP");
}

std::string refusal(const std::filesystem::path& path) {
    const auto opened = PlaceFile::open(path);
    if (opened) return "";
    CHECK(opened.error().code == Errc::invalid_argument);
    CHECK(opened.error().message.find('\n') == std::string::npos);
    CHECK(opened.error().message.find(path.string()) != std::string::npos);
    return opened.error().message;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a file of countries tells where addresses of both families are", "[maxmind][L11]") {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "c.mmdb";
    countries().write(path);
    const auto file = PlaceFile::open(path);
    REQUIRE(file.has_value());
    CHECK((*file)->type() == "DBIP-Country-Lite");
    CHECK((*file)->built_at_s() == 0x65000000);
    CHECK(country_of(**file, "2.16.0.0") == "DE");
    CHECK(country_of(**file, "2.16.255.255") == "DE");
    CHECK(country_of(**file, "2.17.0.0").empty());
    CHECK(country_of(**file, "5.5.5.127").empty());
    CHECK(country_of(**file, "5.5.5.128") == "FR");
    CHECK(country_of(**file, "2001:db8:7:1::1") == "JP");
    CHECK(country_of(**file, "2001:db8:8::").empty());
    CHECK(country_of(**file, "127.0.0.1").empty());
}

TEST_CASE("a file of cities tells region and city, too", "[maxmind][L11]") {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "c.mmdb";
    PlaceDatabase("GeoLite2-City").city("2.16.1.0/24", "DE", "BY", "München").write(path);
    auto places = maxmind::Places::open(path);
    REQUIRE(places.has_value());
    clicks::Place place;
    const clicks::StoredIp ip =
        clicks::stored_ip(address_of("2.16.1.77").data(), clicks::IpMode::truncate, {});
    REQUIRE((*places)->find(ip, place));
    CHECK(place == clicks::Place{"DE", "BY", "München"});
    CHECK((*places)->figures().found.value() == 1);
    for (const auto mode : {clicks::IpMode::hash, clicks::IpMode::none}) {
        CHECK_FALSE(
            (*places)->find(clicks::stored_ip(address_of("2.16.1.77").data(), mode, {}), place));
    }
    const auto elsewhere =
        clicks::stored_ip(address_of("9.9.9.9").data(), clicks::IpMode::full, {});
    CHECK_FALSE((*places)->find(elsewhere, place));
    CHECK((*places)->figures().unknown.value() == 1);
}

TEST_CASE("what is no whole file of countries is refused in one line", "[maxmind][L11][P6]") {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "c.mmdb";
    CHECK(has(refusal(path), "No such file"));
    CHECK(has(refusal(directory.path()), "is not a file"));
    PlaceDatabase::write(path, "");
    CHECK(has(refusal(path), "is not a MaxMind DB file"));
    PlaceDatabase::write(path, "code,country\n1.2.3.0/24,DE\n");
    CHECK(has(refusal(path), "is not a MaxMind DB file"));
    PlaceDatabase("GeoLite2-ASN").owner("2.16.0.0/16", "Example").write(path);
    CHECK(has(refusal(path), "'GeoLite2-ASN', which names no country"));

    const std::string whole = countries().bytes();
    for (const std::size_t kept : {whole.size() / 4, whole.size() / 2, whole.size() - 1}) {
        PlaceDatabase::write(path, whole.substr(0, kept));
        CHECK_FALSE(refusal(path).empty());
    }
    // A record of the tree that points behind the data.
    std::string broken = whole;
    broken.replace(broken.find("\x00\x00\x01", 0, 3), 3, "\xff\xff\xff");
    PlaceDatabase::write(path, broken);
    CHECK(has(refusal(path), "is damaged"));
    // A record of the data that claims to be longer than the file.
    broken = whole;
    broken[broken.find("iso_code") + 8] = '\x5f';
    PlaceDatabase::write(path, broken);
    CHECK(has(refusal(path), "is damaged"));
}

TEST_CASE("any single byte may be wrong without harm", "[maxmind][P6]") {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "c.mmdb";
    const std::string whole = countries().bytes();
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string broken = whole;
        broken[at] = static_cast<char>(~broken[at]);
        PlaceDatabase::write(path, broken);
        const auto file = PlaceFile::open(path);
        if (!file) continue;
        for (const char* const host : {"2.16.1.1", "5.5.5.200", "2001:db8:7::1", "::1"}) {
            country_of(**file, host);
        }
    }
}

TEST_CASE("a file that is replaced, or cut in place, changes nothing until it is read again",
          "[maxmind][L11]") {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "c.mmdb";
    countries().write(path);
    auto places = maxmind::Places::open(path);
    REQUIRE(places.has_value());
    PlaceDatabase::write(path, "");
    CHECK(country_of(*(*places)->current(), "2.16.3.4") == "DE");
    CHECK_FALSE((*places)->reload().has_value());
    CHECK(country_of(*(*places)->current(), "2.16.3.4") == "DE");
    PlaceDatabase().country("2.16.0.0/16", "AT").write(path);
    const auto before = (*places)->current();
    REQUIRE((*places)->reload().has_value());
    CHECK(country_of(*(*places)->current(), "2.16.3.4") == "AT");
    CHECK(country_of(*before, "2.16.3.4") == "DE");
}

TEST_CASE("the memory of countries says what the file says", "[maxmind][L11]") {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "c.mmdb";
    countries().write(path);
    const auto file = *PlaceFile::open(path);
    maxmind::CountryMemory memory(file);
    for (int round = 0; round < 2; ++round) {
        for (int n = 0; n < 20'000; ++n) {
            const auto address =
                address_of("2." + std::to_string(15 + n % 3) + "." + std::to_string(n / 256) + "." +
                           std::to_string(n % 256));
            CHECK(memory.country(address.data()) == file->country(address.data()));
        }
    }
    CHECK(clicks::country_name(memory.country(address_of("::ffff:2.16.0.1").data())) == "DE");
    CHECK(clicks::country_name(memory.country(address_of("2001:db8:7::9").data())) == "JP");
}
