// Each store behind TLS of an authority of its own, as the flags of the program name it.
#include "tests/faults/serve_api.hpp"
#include "tests/support/clickhouse_server.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/test_certificate.hpp"

namespace qck::test {
namespace {

RedisServer::Options tls_only(const TestCertificate& certificate) {
    RedisServer::Options options;
    options.port = free_port();
    options.flags = {"--tls-port",
                     std::to_string(options.port),
                     "--port",
                     "0",
                     "--tls-cert-file",
                     certificate.certificate_file.string(),
                     "--tls-key-file",
                     certificate.key_file.string(),
                     "--tls-auth-clients",
                     "no"};
    return options;
}

/// Three stores, each with a certificate that no system trusts.
struct SecureStores {
    SecureStores() {
        postgres.stop();
        postgres.speak_tls(certificate);
        postgres.start();
    }

    std::string ca() const { return certificate.certificate_file.string(); }
    std::string redis_url() const { return "rediss://localhost:" + std::to_string(redis.port()); }
    std::string postgres_url(const std::string& authority) const {
        return "postgresql://qck@localhost:" + std::to_string(postgres.port()) +
               "/qck?sslmode=verify-full&sslrootcert=" + authority;
    }
    /// Its last line, if any came before, names the certificate.
    static void check_mistrust(const std::vector<std::string>& words) {
        CAPTURE(words);
        const auto refused = run_program(QCK_PROGRAM, words);
        INFO(refused.err);
        CHECK(refused.exit_code == 3);
        const auto last = refused.err.find("qck " + words.front() + ": ");
        REQUIRE(last != std::string::npos);
        CHECK(contains(refused.err.substr(last), "certificate"));
        CHECK(refused.err.find('\n', last) == refused.err.size() - 1);
    }
    static void check_made(const std::vector<std::string>& words) {
        CAPTURE(words);
        const auto made = run_program(QCK_PROGRAM, words);
        INFO(made.err);
        CHECK(made.exit_code == 0);
    }

    const TemporaryDirectory directory;
    const TestCertificate certificate = write_certificate(directory.path(), "store");
    RedisServer redis{tls_only(certificate)};
    PostgresServer postgres;
    ClickhouseServer clickhouse{certificate};
};

}  // namespace

TEST_CASE("stores behind TLS are trusted by the authorities of the flags alone",
          "[integration][shared][tls][skippable]") {
    if (!ClickhouseServer::installed()) QCK_SKIP("ClickHouse is not installed");
    SecureStores stores;
    const TemporaryDirectory others;
    const auto other = write_certificate(others.path(), "another").certificate_file.string();
    const std::string ch = stores.clickhouse.https_url();
    const std::string pg = stores.postgres_url(stores.ca());

    SecureStores::check_mistrust({"init", "--clickhouse", ch});
    SecureStores::check_mistrust({"init", "--clickhouse", ch, "--clickhouse-ca", other});
    SecureStores::check_mistrust({"init", "--postgres", stores.postgres_url(other)});
    SecureStores::check_made({"init", "--clickhouse", ch, "--clickhouse-ca", stores.ca()});
    SecureStores::check_made({"init", "--postgres", pg});

    const auto data = stores.directory.path() / "data";
    const std::vector<std::string> trusted{
        "--redis", stores.redis_url(), "--redis-ca", stores.ca(),       "--postgres",
        pg,        "--clickhouse",     ch,           "--clickhouse-ca", stores.ca()};
    std::vector<std::string> flags = trusted;
    flags.insert(flags.end(), {"--postgres-sync", "300ms"});
    ServeProcess serve(data, stores.directory.path() / "stderr", flags);
    serve.wait_until_ready();
    const auto link =
        api(serve, "POST", "/v1/links", R"({"code": "a", "url": "https://example.com/"})");
    const std::string id = link["id"];
    RawClient raw(*net::parse_address(serve.address("redirect")));
    REQUIRE(raw.send("GET /a HTTP/1.1\r\nHost: qck.test\r\n\r\n"));
    REQUIRE(raw.response().starts_with("HTTP/1.1 302"));

    const auto in_redis = [&] {
        return run_program("/usr/bin/redis-cli",
                           {"--tls", "--cacert", stores.ca(), "-h", "localhost", "-p",
                            std::to_string(stores.redis.port()), "GET", "clicks:{" + id + "}"})
            .out;
    };
    CHECK(eventually([&] { return in_redis() == "1\n"; }));
    CHECK(
        eventually([&] { return stores.postgres.sql("SELECT click_count FROM links") == "1\n"; }));
    const auto status = [&] {
        return run_program(QCK_PROGRAM, {"status", "--admin", "http://" + serve.address("admin")});
    };
    CHECK(eventually([&] { return status().exit_code == 0; }));
    INFO(status().out);
    CHECK_FALSE(contains(status().out, "AWAY"));
    serve.stop();

    std::vector<std::string> offline{"reconcile", "--data-dir", data.string()};
    offline.insert(offline.end(), trusted.begin(), trusted.end());
    SecureStores::check_made(offline);
    SecureStores::check_mistrust({"reconcile", "--data-dir", data.string(), "--redis",
                                  stores.redis_url(), "--redis-ca", other, "--postgres", pg});
}

}  // namespace qck::test
