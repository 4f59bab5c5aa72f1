// Bursts, alerts, rate limits and popular links of a real service.
#include <fstream>
#include <mutex>
#include <thread>

#include "services/http_server/server.hpp"
#include "tests/integration/service_fixture.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::contains;
using test::eventually;
using test::ProgramRun;
using test::RunningService;

namespace {

/// A loopback server that keeps what is posted to it.
class Webhook final : public http_server::Handler {
public:
    Webhook() : reactor_(*net::Reactor::create()) {
        auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
        REQUIRE(listeners.has_value());
        url = "http://" + net::local_address(listeners->front().get())->to_string() + "/hooks/qck";
        server_ = std::make_unique<http_server::Server>(*reactor_, std::move(listeners->front()),
                                                        *this, http_server::ServerConfig{});
        REQUIRE(server_->start().has_value());
        thread_ = std::thread([this] { reactor_->run(); });
    }
    ~Webhook() override {
        reactor_->stop();
        thread_.join();
    }
    void handle(const http_server::Request& request, http_server::Exchange& exchange) override {
        const std::lock_guard lock(mutex_);
        if (refusals > 0) {
            --refusals;
            return exchange.answer(http_server::problem(503, "not-now", "try again"));
        }
        CHECK(request.head.path() == "/hooks/qck");
        got_.push_back(json::parse(request.body));
        exchange.answer({});
    }
    /// The alerts of a link that entered a mode.
    std::size_t entered(const std::string& mode) {
        const std::lock_guard lock(mutex_);
        std::size_t count = 0;
        for (const auto& alert : got_) count += alert["to"] == mode && alert["code"] == "viral";
        return count;
    }

    std::string url;
    int refusals = 1;

private:
    std::unique_ptr<net::Reactor> reactor_;
    std::unique_ptr<http_server::Server> server_;
    std::mutex mutex_;
    std::vector<json> got_;
    std::thread thread_;
};

ProgramRun mode(const RunningService& service, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "mode");
    return test::run_program(QCK_PROGRAM, arguments,
                             {"QCK_ADMIN=http://" + service.address("admin").to_string()});
}

/// `qck mode show` of one link; empty when it is normal.
std::string mode_of(const RunningService& service, const std::string& code) {
    const auto shown = mode(service, {"show", "--json"});
    REQUIRE(shown.exit_code == 0);
    const auto list = json::parse(shown.out);
    for (const auto& link : list["links"]) {
        if (link["code"] == code) return link["mode"];
    }
    return "";
}

}  // namespace

TEST_CASE("a burst is found, told to the webhook, and over when it is over", "[modes][V6]") {
    Webhook webhook;
    RunningService service([&](commands::ServiceConfig& config) {
        config.bursts.thresholds = {100, 1'000, 1s};
        config.bursts.alert_webhook = webhook.url;
    });
    service.add_link("viral");
    const auto load = [&](const std::string& rate) {
        const auto run = test::run_program(
            QCK_PROGRAM, {"bench", "constant", "--target",
                          "http://" + service.address("redirect").to_string() + "/viral", "--rate",
                          rate, "--duration", "2s", "--out",
                          (service.directory.path() / ("run" + rate)).string(), "--quiet"});
        INFO(run.err);
        CHECK((run.exit_code == 0 || run.exit_code == 4));
    };
    load("300");
    CHECK(eventually([&] { return webhook.entered("elevated") == 1; }));
    CHECK(webhook.entered("burst") == 0);
    load("3000");
    CHECK(eventually([&] { return webhook.entered("burst") == 1; }));
    CHECK(eventually([&] { return webhook.entered("normal") == 1; }));
    CHECK(mode_of(service, "viral") == "");
    const auto metrics = service.get_text("admin", "/metrics");
    CHECK(contains(metrics, "qck_mode_changes_total{mode=\"burst\"} 1"));
    CHECK(contains(metrics, "qck_alerts_total{outcome=\"failed\"} 1"));
}

TEST_CASE("an operator sets a link's mode and gives it back", "[modes][V11]") {
    RunningService service;
    service.add_link("viral");
    CHECK(mode(service, {"show"}).out == "every link is normal\n");
    const auto set = mode(service, {"set", "viral", "burst"});
    CHECK(set.exit_code == 0);
    CHECK(set.out == "viral is burst until it is set to auto\n");
    CHECK(mode_of(service, "viral") == "burst");
    CHECK(contains(mode(service, {"show"}).out, "operator"));
    CHECK(contains(service.get("/viral"), "302 Found"));
    CHECK(eventually([&] {
        return contains(service.get_text("admin", "/metrics"), "qck_cache_pinned{level=\"l1\"} 1");
    }));
    CHECK(mode(service, {"set", "viral", "auto"}).exit_code == 0);
    CHECK(mode_of(service, "viral") == "");

    CHECK(mode(service, {"set", "nosuch", "burst"}).exit_code == 1);
    CHECK(mode(service, {"set", "viral", "bursty"}).exit_code == 2);
}

TEST_CASE("a mode is not set from a page of another site, nor without the token", "[modes][V11]") {
    RunningService service([](commands::ServiceConfig& config) { config.token = "s3cret"; });
    service.add_link("viral");
    const auto post = [&](const std::string& headers) {
        test::RawClient raw(service.address("admin"));
        REQUIRE(raw.send("POST /v1/mode/viral HTTP/1.1\r\nHost: qck.test\r\n" + headers +
                         "Content-Length: 16\r\n\r\n{\"mode\":\"burst\"}"));
        return raw.response();
    };
    CHECK(contains(post("Content-Type: application/json\r\n"), "401 "));
    CHECK(contains(post("Content-Type: text/plain\r\nAuthorization: Bearer s3cret\r\n"), "415 "));
    CHECK(contains(post("Content-Type: application/json\r\nAuthorization: Bearer s3cret\r\n"),
                   "200 OK"));
}

TEST_CASE("an address that asks too often gets 429, and those are no clicks", "[modes][M4]") {
    RunningService service([](commands::ServiceConfig& config) {
        config.redirect_rate_limit = {5, 1h};
        config.api_rate_limit = {3, 1h};
    });
    service.add_link("viral");
    for (int n = 0; n < 5; ++n) CHECK(contains(service.get("/viral"), "302 Found"));
    for (int n = 0; n < 3; ++n) {
        const auto refused = service.get("/viral");
        CHECK(contains(refused, "HTTP/1.1 429 Too Many Requests\r\n"));
        CHECK(contains(refused, "Retry-After: 7"));
        CHECK(contains(refused, "urn:qck:too-many-requests"));
    }
    CHECK(contains(service.get("/health"), "200 OK"));
    CHECK(eventually([&] {
        return service.get_text("admin", "/metrics").find("qck_journal_appended_total 5") !=
               std::string::npos;
    }));
    CHECK(contains(service.get_text("admin", "/metrics"),
                   "qck_rate_limited_total{listener=\"redirect\"} 3"));
    CHECK(service.api("GET", "/v1/links/viral").first == 200);
    CHECK(service.api("GET", "/v1/links/viral").first == 200);
    CHECK(service.api("GET", "/v1/links/viral").first == 429);
}

TEST_CASE("popular links are pinned at the start, and a wrong line is named", "[modes][V10]") {
    RunningService service;
    service.add_link("one", "https://one.example/");
    service.add_link("two", "https://two.example/");
    service.stop();
    const auto file = service.directory.path() / "popular.csv";
    const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
    service.config.popular_file = file;

    const auto complaint = [&](const std::string& text) {
        write(text);
        const auto started = commands::Service::start(service.config);
        return started ? std::string("it started") : started.error().message;
    };
    CHECK(complaint("one\nnosuch\n") == "it started");
    CHECK(contains(complaint("one\none\n"), "popular.csv:2: one is here twice"));
    CHECK(contains(complaint("one,ftp://x\n"), "popular.csv:1: "));
    CHECK(contains(complaint("# all\n\none,https://x.example/,200\n"), "popular.csv:3: "));
    CHECK(contains(complaint("o/e\n"), "popular.csv:1: "));

    write("# the popular ones\none\ntwo,https://elsewhere.example/,301\n");
    service.start();
    CHECK(contains(service.get_text("admin", "/metrics"), "qck_cache_pinned{level=\"l1\"} 2"));
    // The store's word counts.
    CHECK(contains(service.get("/two"), "Location: https://two.example/\r\n"));
    CHECK(
        contains(service.get_text("admin", "/metrics"), "qck_cache_misses_total{level=\"l1\"} 0"));
}
