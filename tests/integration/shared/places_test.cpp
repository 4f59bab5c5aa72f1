// Where clicks come from, by header and by file (L11).
#include "services/stores/clickhouse/client.hpp"
#include "services/stores/clickhouse/schema.hpp"
#include "tests/integration/service_fixture.hpp"
#include "tests/support/clickhouse_server.hpp"
#include "tests/support/place_database.hpp"

namespace qck::test {
namespace {

clickhouse::Client client_of(const ClickhouseServer& server) {
    clickhouse::ClientConfig config;
    config.url = *clickhouse::parse_clickhouse_url(server.url());
    return clickhouse::Client(std::move(config));
}

/// Countries and clicks of a link, as `DE 2,FR 1`.
std::string countries(const ClickhouseServer& server, const std::string& code) {
    auto answer = client_of(server).query(
        "SELECT country, sum(clicks) AS n FROM qck_analytics.link_events WHERE short_code = '" +
        code + "' GROUP BY country ORDER BY country");
    if (!answer) FAIL(answer.error().message);
    for (char& c : *answer) c = c == '\t' ? ' ' : c == '\n' ? ',' : c;
    if (!answer->empty()) answer->pop_back();
    return *answer;
}

}  // namespace

TEST_CASE("a click without CF-IPCountry has the country of its address, whatever is kept of it",
          "[integration][L11]") {
    if (!ClickhouseServer::installed()) {
        WARN("skipped: clickhouse-server is not installed here");
        return;
    }
    const ClickhouseServer server;
    auto client = client_of(server);
    REQUIRE(clickhouse::make_schema(client, {}).has_value());
    const TemporaryDirectory directory;
    const auto file = directory.path() / "countries.mmdb";
    for (const auto mode : {clicks::IpMode::truncate, clicks::IpMode::hash, clicks::IpMode::none}) {
        const std::string code = "m" + std::to_string(static_cast<int>(mode));
        INFO(code);
        PlaceDatabase().country("127.0.0.0/16", "DE").write(file);
        RunningService service([&](auto& config) {
            config.clickhouse = *clickhouse::parse_clickhouse_url(server.url());
            config.geoip = file;
            config.ip_mode = mode;
        });
        service.add_link(code);
        CHECK(contains(service.get("/" + code), "302"));
        CHECK(contains(service.get("/" + code), "302"));
        CHECK(contains(service.get("/" + code, "CF-IPCountry: FR\r\n"), "302"));
        CHECK(eventually([&] { return countries(server, code) == "DE 2,FR 1"; }));

        PlaceDatabase::write(file, "no such thing");
        CHECK_FALSE(service.service->reload_places().has_value());
        CHECK(contains(service.get("/" + code), "302"));
        CHECK(eventually([&] { return countries(server, code) == "DE 3,FR 1"; }));
        PlaceDatabase().country("127.0.0.0/16", "AT").write(file);
        CHECK(service.service->reload_places().has_value());
        CHECK(eventually([&] {
            CHECK(contains(service.get("/" + code), "302"));
            return contains(countries(server, code), "AT ");
        }));
        CHECK(contains(service.get_text("admin", "/metrics"), "qck_geoip_built_timestamp_seconds"));
    }
}

TEST_CASE("a service does not start with a file of places that is wrong", "[integration][P6]") {
    RunningService service;
    commands::ServiceConfig config = service.config;
    config.data_dir = service.directory.path() / "other";
    config.geoip = service.directory.path() / "none.mmdb";
    const auto started = commands::Service::start(config);
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == Errc::invalid_argument);
    CHECK(contains(started.error().message, "--geoip: cannot read "));
    CHECK_FALSE(std::filesystem::exists(config.data_dir));
}

}  // namespace qck::test
