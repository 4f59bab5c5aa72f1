#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/faults/counting_client.hpp"
#include "tests/faults/serve_api.hpp"
#include "tests/faults/serve_process.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using namespace std::chrono_literals;
using qck::test::api;
using qck::test::CountingClient;
using qck::test::LinkLedger;
using qck::test::ServeProcess;

namespace {

constexpr unsigned long kills_by_default = 60;

unsigned long from_environment(const char* name, unsigned long otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

/// The books of all clients of all lives of one service, and the service itself.
class KillLoop {
public:
    explicit KillLoop(std::uint32_t seed) : random_(seed), ledger_(codes_.size()) {}

    /// The flags differ from life to life: more and fewer threads, waiting for the disk or not, and
    /// segments so small and kept so short that rolls, checkpoints and removals are hit too.
    std::unique_ptr<ServeProcess> start() {
        std::vector<std::string> flags{"--journal-segment", "256KB",
                                       "--journal-keep",    "1s,1MB",
                                       "--threads",         std::to_string(1 + random_() % 3)};
        if (random_() % 5 == 0) flags.insert(flags.end(), {"--durability", "power"});
        return std::make_unique<ServeProcess>(directory_.path() / "data",
                                              directory_.path() / "stderr", flags);
    }

    void add_links(const ServeProcess& serve) {
        for (const auto& code : codes_) {
            api(serve, "POST", "/v1/links",
                nlohmann::json{{"code", code}, {"url", "https://example.com/" + code}}.dump());
        }
    }

    std::vector<std::unique_ptr<CountingClient>> load(const ServeProcess& serve) {
        std::vector<std::unique_ptr<CountingClient>> clients;
        const auto address = *net::parse_address(serve.address("redirect"));
        for (int n = 0; n < 2; ++n) {
            clients.push_back(std::make_unique<CountingClient>(address, codes_, random_()));
        }
        return clients;
    }

    void enter(std::vector<std::unique_ptr<CountingClient>>& clients) {
        for (auto& client : clients) {
            client->stop();
            for (std::size_t at = 0; at < codes_.size(); ++at) {
                ledger_[at].received_at_most += client->ledger()[at].received_at_most;
                ledger_[at].answered += client->ledger()[at].answered;
            }
        }
        clients.clear();
    }

    /// A life of the service that begins with a look at what the one before left, and ends by
    /// kill -9. Sometimes another one, killed while it begins or recovers, comes between.
    void live_and_die() {
        if (random_() % 5 == 0) {
            auto brief = start();
            std::this_thread::sleep_for(std::chrono::microseconds(random_() % 60'000));
            brief->kill();
        }
        auto serve = start();
        serve->wait_until_ready();
        check(*serve);
        auto clients = load(*serve);
        const std::uint32_t span_us = random_() % 6 == 0 ? 1'200'000 : 120'000;
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % span_us));
        serve->kill();
        enter(clients);
    }

    std::uint64_t counted(const ServeProcess& serve, std::size_t at) const {
        return api(serve, "GET", "/v1/links/" + codes_[at] + "/stats")
            .at("clicks")
            .get<std::uint64_t>();
    }

    /// Counting what the last life left takes a moment; what was answered must be there after it.
    void check(const ServeProcess& serve) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        for (std::size_t at = 0; at < codes_.size(); ++at) {
            std::uint64_t now = counted(serve, at);
            while (now < ledger_[at].answered && std::chrono::steady_clock::now() < deadline) {
                now = counted(serve, at);
            }
            CAPTURE(codes_[at]);
            CHECK(ledger_[at].answered <= now);
            CHECK(now <= ledger_[at].received_at_most);
        }
    }

    const std::vector<std::string>& codes() const { return codes_; }
    const std::vector<LinkLedger>& ledger() const { return ledger_; }
    std::filesystem::path data_dir() const { return directory_.path() / "data"; }
    std::string said() const {
        std::ifstream in(directory_.path() / "stderr");
        return std::string(std::istreambuf_iterator<char>(in), {});
    }

private:
    const std::vector<std::string> codes_{"viral", "promo", "news", "quiet"};
    const qck::test::TemporaryDirectory directory_;
    std::mt19937 random_;
    std::vector<LinkLedger> ledger_;
};

int reconcile(const std::filesystem::path& data_dir) {
    const std::string command =
        std::string(QCK_PROGRAM) + " reconcile --data-dir " + data_dir.string();
    return WEXITSTATUS(std::system(command.c_str()));
}

}  // namespace

TEST_CASE("P1: answered <= counted <= received for each link, across kill -9 at any moment",
          "[faults][P1]") {
    const auto kills = from_environment("QCK_KILLS", kills_by_default);
    const auto seed = qck::test::seed_of_run("kill loop of " + std::to_string(kills));
    CAPTURE(seed);
    KillLoop loop(seed);
    {
        auto serve = loop.start();
        serve->wait_until_ready();
        loop.add_links(*serve);
        serve->kill();
    }
    for (unsigned long kill = 1; kill <= kills; ++kill) {
        CAPTURE(kill);
        loop.live_and_die();
    }

    // A quiet end: everything is counted, the stores agree, and from here on the counts are equal.
    loop.start()->wait_until_ready();
    auto serve = loop.start();
    serve->wait_until_ready();
    loop.check(*serve);
    serve->stop();
    CHECK(reconcile(loop.data_dir()) == 0);
    serve = loop.start();
    serve->wait_until_ready();
    std::vector<std::uint64_t> before;
    for (std::size_t at = 0; at < loop.codes().size(); ++at) {
        before.push_back(loop.counted(*serve, at));
    }
    const auto ledger = loop.ledger();
    auto clients = loop.load(*serve);
    for (const auto& client : clients) client->wait_for_answers(1'000);
    loop.enter(clients);
    serve->stop();
    CHECK(reconcile(loop.data_dir()) == 0);
    serve = loop.start();
    serve->wait_until_ready();
    std::uint64_t total = 0;
    for (std::size_t at = 0; at < loop.codes().size(); ++at) {
        const auto asked = loop.ledger()[at].received_at_most - ledger[at].received_at_most;
        CHECK(loop.ledger()[at].answered - ledger[at].answered == asked);
        CHECK(loop.counted(*serve, at) - before[at] == asked);
        total += loop.ledger()[at].answered;
    }
    std::cout << "kill loop: " << total << " answers, all counted once" << std::endl;
    INFO(loop.said());
    CHECK(loop.said().find("journal_damaged") == std::string::npos);
    CHECK(total > 0);
}
