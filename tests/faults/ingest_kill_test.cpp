#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "base/clock.hpp"
#include "cli/client/rest_client.hpp"
#include "tests/faults/serve_process.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using namespace std::chrono_literals;
using qck::test::ServeProcess;

namespace {

constexpr int kills = 40;
constexpr int events_per_request = 50;

client::RestClient client_of(const ServeProcess& serve, const std::string& listener) {
    client::RestConfig config;
    config.service = *client::parse_service_url("http://" + serve.address(listener));
    return client::RestClient(std::move(config));
}

/// A producer of events that never gives up: what was not answered it sends again, sometimes also
/// what was.
class StubbornProducer {
public:
    explicit StubbornProducer(std::uint32_t seed) : random_(seed) {}

    /// Sends until the service goes.
    void run(const ServeProcess& serve) {
        auto client = client_of(serve, "ingest");
        while (true) {
            const int request = random_() % 4 == 0 && answered_ > 0
                                    ? static_cast<int>(random_() % static_cast<unsigned>(answered_))
                                    : answered_;
            if (!send(client, request)) return;
            if (request == answered_) ++answered_;
            answers_.fetch_add(1);
        }
    }
    /// Sends the request that may be open once more. Whether it was answered.
    bool finish(const ServeProcess& serve) {
        auto client = client_of(serve, "ingest");
        if (!send(client, answered_)) return false;
        ++answered_;
        return true;
    }

    int distinct_events() const { return answered_ * events_per_request; }
    std::uint64_t answers() const { return answers_; }
    /// An answer that should not be; empty while all is well. After run().
    const std::string& wrong() const { return wrong_; }

private:
    bool send(client::RestClient& client, int request) {
        nlohmann::json body = nlohmann::json::array();
        for (int i = 0; i < events_per_request; ++i) {
            body.push_back({{"event_type", "sale"},
                            {"event_id", std::to_string(request) + "-" + std::to_string(i)},
                            {"order_amount", 0.25}});
        }
        const auto answer = client.send("POST", "/v1/events", body.dump());
        if (!answer || answer->status == 503) return false;
        // Every event of an answered request is in: as new, or because it came before.
        const auto counts = nlohmann::json::parse(answer->body);
        const int taken = counts["accepted"].get<int>() + counts["duplicate"].get<int>();
        if (answer->status != 202 || taken != events_per_request) wrong_ = answer->body;
        if (request < answered_ && counts["accepted"] != 0) wrong_ = "again: " + answer->body;
        return true;
    }

    std::string wrong_;
    std::mt19937 random_;
    int answered_ = 0;  ///< requests, from 0, that were answered
    std::atomic<std::uint64_t> answers_{0};
};

}  // namespace

TEST_CASE("P2: every event is counted once across kill -9 and retries", "[faults][P2]") {
    const auto seed = test::seed_of_run("ingest kill loop");
    CAPTURE(seed);
    std::mt19937 random(seed);
    const test::TemporaryDirectory directory;
    const auto start = [&] {
        auto serve = std::make_unique<ServeProcess>(
            directory.path() / "data", directory.path() / "stderr",
            std::vector<std::string>{"--journal-segment", "256KB", "--threads",
                                     std::to_string(1 + random() % 3)});
        serve->wait_until_ready();
        return serve;
    };
    StubbornProducer producer(random());
    for (int kill = 0; kill < kills; ++kill) {
        auto serve = start();
        // Dies some answers and some microseconds into its life.
        const std::uint64_t until = producer.answers() + random() % 40;
        std::thread sending([&] { producer.run(*serve); });
        const auto deadline_ns = monotonic_ns() + 20'000'000'000;
        while (producer.answers() < until && monotonic_ns() < deadline_ns)
            std::this_thread::yield();
        const auto a_little_later_ns =
            monotonic_ns() + static_cast<std::int64_t>(random() % 2'000'000);
        while (monotonic_ns() < a_little_later_ns) std::this_thread::yield();
        serve->kill();
        sending.join();
        REQUIRE(producer.wrong().empty());
    }
    auto serve = start();
    REQUIRE(producer.finish(*serve));
    CHECK(producer.wrong().empty());
    serve->stop();  // counts what was accepted

    serve = start();
    auto api = client_of(*serve, "api");
    const auto answer = api.call("GET", "/v1/analytics?granularity=total&type=sale", "");
    REQUIRE(answer.has_value());
    const auto rows = nlohmann::json::parse(answer->body)["rows"];
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["count"] == producer.distinct_events());
    CHECK(rows[0]["order_amount"]["sum"] == producer.distinct_events() * 0.25);
}
