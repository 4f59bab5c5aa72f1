#include "tests/faults/shared_fleet.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <utility>

#include "cli/client/rest_client.hpp"
#include "services/stores/clickhouse/client.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/run_program.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

std::string without_line_end(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

Result<client::RestAnswer> ask(const ServeProcess& serve, const std::string& listener,
                               const std::string& target, const nlohmann::json& body,
                               const std::string& method = "POST") {
    client::RestConfig config;
    config.service = *client::parse_service_url("http://" + serve.address(listener));
    config.request_timeout = 60s;
    return client::RestClient(std::move(config))
        .send(method, target, method == "GET" ? "" : body.dump());
}

/// Null when the service does not answer with a comparison.
nlohmann::json reconcile(const ServeProcess& serve, const nlohmann::json& question) {
    const auto answer = ask(serve, "admin", "/v1/reconcile", question);
    if (!answer || answer->status != 200) return nullptr;
    return nlohmann::json::parse(answer->body);
}

}  // namespace

SharedFleet::SharedFleet(redis::ClientConfig redis, bool with_clickhouse, std::uint32_t seed)
    : redis_(std::move(redis)), random_(seed) {
    std::vector<std::string> schemas{"init", "--postgres", postgres_.url()};
    if (with_clickhouse && ClickhouseServer::installed()) {
        clickhouse_ = std::make_unique<ClickhouseServer>();
        schemas.insert(schemas.end(), {"--clickhouse", clickhouse_->url()});
    }
    const auto made = run_program(QCK_PROGRAM, schemas);
    INFO(made.out << made.err);
    REQUIRE(made.exit_code == 0);
    auto client = redis::BlockingClient::create(redis_);
    REQUIRE(client.has_value());
    redis_client_ = std::move(*client);

    for (std::size_t at = 0; at < instances; ++at) {
        instances_[at].data_dir = directory_.path() / std::to_string(at);
    }
    start_all();
    for (const char* const code : {"viral", "promo", "news", "quiet"}) add_link(code);
}

void SharedFleet::start_all() {
    for (Instance& instance : instances_) {
        if (!instance.serve) start(instance);
    }
}

std::size_t SharedFleet::add_link(const std::string& code) {
    const nlohmann::json link{{"code", code}, {"url", "https://example.com/" + code}};
    nlohmann::json made;
    const auto is_made = [&] {
        auto added = ask(*instances_[0].serve, "api", "/v1/links", link);
        // A try whose answer was lost may have made it.
        if (added && added->status == 409) {
            added = ask(*instances_[0].serve, "api", "/v1/links/" + code, nullptr, "GET");
        }
        if (added && added->status / 100 == 2) made = nlohmann::json::parse(added->body);
        return made.is_object();
    };
    INFO(code);
    REQUIRE(wait_for(is_made, 30s));
    codes_.push_back(code);
    ids_.push_back(made["id"].get<std::string>());
    ledger_.emplace_back();
    looked_.emplace_back();
    return codes_.size() - 1;
}

/// Some lives hold bursts back from PostgreSQL and ClickHouse, and some end in the midst of it.
void SharedFleet::start(Instance& instance) {
    std::vector<std::string> flags{"--redis",           redis_.url.to_string(),
                                   "--postgres",        postgres_.url(),
                                   "--postgres-sync",   "300ms",
                                   "--breaker-period",  "200ms",
                                   "--journal-segment", "256KB",
                                   "--journal-keep",    "1s,1MB",
                                   "--mode-hold",       "1s",
                                   "--burst",           random_() % 2 == 0 ? "5k" : "1M",
                                   "--threads",         std::to_string(1 + random_() % 2)};
    if (clickhouse_) flags.insert(flags.end(), {"--clickhouse", clickhouse_->url()});
    instance.serve =
        std::make_unique<ServeProcess>(instance.data_dir, directory_.path() / "stderr", flags);
    instance.serve->wait_until_ready();
}

void SharedFleet::load(std::size_t links) {
    std::vector<std::size_t> first(links);
    std::iota(first.begin(), first.end(), std::size_t{0});
    load(first);
}

void SharedFleet::load(const std::vector<std::size_t>& links) {
    start_all();
    std::vector<std::string> codes;
    for (const std::size_t link : links) codes.push_back(codes_[link]);
    for (Instance& instance : instances_) {
        enter(instance);
        instance.links = links;
        instance.client = std::make_unique<CountingClient>(
            *net::parse_address(instance.serve->address("redirect")), codes, random_());
    }
}

void SharedFleet::wait_for_answers(std::uint64_t wanted) const {
    for (const Instance& instance : instances_) {
        if (instance.client) instance.client->wait_for_answers(wanted);
    }
}

void SharedFleet::kill(std::size_t instance) {
    instances_[instance].serve->kill();
    instances_[instance].serve.reset();
}

void SharedFleet::quiet() {
    for (Instance& instance : instances_) enter(instance);
}

void SharedFleet::enter(Instance& instance) {
    if (!instance.client) return;
    instance.client->stop();
    const auto& entries = instance.client->ledger();
    for (std::size_t at = 0; at < entries.size(); ++at) {
        LinkLedger& entry = ledger_[instance.links[at]];
        entry.received_at_most += entries[at].received_at_most;
        entry.answered += entries[at].answered;
    }
    instance.client.reset();
}

SharedFleet::Sums SharedFleet::sums_of(std::size_t link) {
    Sums sums;
    sums.answered = ledger_[link].answered;
    sums.received_at_most = ledger_[link].received_at_most;
    for (const Instance& instance : instances_) {
        const auto comparison = reconcile(*instance.serve, {{"codes", {codes_[link]}}});
        if (comparison.is_object()) sums.journals += comparison["journal"].get<std::uint64_t>();
    }
    const std::string& id = ids_[link];
    const auto count = redis_client_->call(redis::Command("GET").key("clicks:{" + id + "}"));
    sums.redis = count ? std::string(count->text()) : count.error().message;
    sums.postgres =
        without_line_end(postgres_.sql("SELECT click_count FROM links WHERE id = " + id));
    if (!clickhouse_) return sums;
    clickhouse::ClientConfig config;
    config.url = *clickhouse::parse_clickhouse_url(clickhouse_->url());
    auto rows =
        clickhouse::Client(std::move(config))
            .query("SELECT sum(clicks) FROM qck_analytics.link_events WHERE link_id = " + id);
    sums.clickhouse = rows ? without_line_end(*rows) : rows.error().message;
    return sums;
}

bool SharedFleet::agrees(std::chrono::seconds most) {
    const auto agree = [this](std::size_t link) {
        const Sums sums = looked_[link] = sums_of(link);
        const std::string count = std::to_string(sums.journals);
        return sums.answered <= sums.journals && sums.journals <= sums.received_at_most &&
               sums.redis == count && sums.postgres == count &&
               (!clickhouse_ || sums.clickhouse == count);
    };
    return wait_for(
        [&] {
            bool all = true;
            for (std::size_t link = 0; link < codes_.size(); ++link) all = agree(link) && all;
            return all;
        },
        most);
}

bool SharedFleet::reconciled(bool repair) {
    bool agree = true;
    for (const Instance& instance : instances_) {
        const auto comparison = reconcile(*instance.serve, {{"repair", repair}});
        agree = comparison.is_object() && comparison["agrees"] == true && agree;
    }
    return agree;
}

std::string SharedFleet::table() const {
    std::ostringstream out;
    for (std::size_t link = 0; link < codes_.size(); ++link) {
        const Sums& sums = looked_[link];
        out << codes_[link] << ": answered " << sums.answered << ", journals " << sums.journals
            << ", received at most " << sums.received_at_most << ", Redis " << sums.redis
            << ", PostgreSQL " << sums.postgres << ", ClickHouse " << sums.clickhouse << "\n";
    }
    return out.str();
}

std::uint64_t SharedFleet::answered() const {
    std::uint64_t all = 0;
    for (const LinkLedger& entry : ledger_) all += entry.answered;
    return all;
}

std::string SharedFleet::said() const { return text_of_file(directory_.path() / "stderr"); }

}  // namespace qck::test
