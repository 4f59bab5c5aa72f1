#include "cli/commands/store_probes.hpp"

#include <utility>

#include "base/cpu.hpp"
#include "base/log.hpp"
#include "services/stores/clickhouse/client.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/schema.hpp"
#include "services/stores/postgres/shown_url.hpp"

namespace qck::commands {
namespace {

std::function<Result<void>()> ask_postgres(const std::string& url) {
    postgres::PoolOptions options;
    options.url = url;
    options.connections_max = 1;
    options.connect_timeout = options.statement_timeout = StoreProbes::patience;
    options.back_off_max = StoreProbes::every / 2;
    const auto pool = std::make_shared<postgres::Pool>(std::move(options));
    return [pool] { return pool->with(postgres::check_schema); };
}

std::function<Result<void>()> ask_clickhouse(clickhouse::ClickhouseUrl node) {
    clickhouse::ClientConfig config;
    config.url = std::move(node);
    config.connect_timeout = config.request_timeout = StoreProbes::patience;
    config.retry_max = StoreProbes::every / 2;
    const auto client = std::make_shared<clickhouse::Client>(std::move(config));
    return [client]() -> Result<void> {
        const auto one =
            client->query("EXISTS TABLE qck_analytics.link_events_local FORMAT TabSeparated");
        if (!one && one.error().code != Errc::not_found) return one.error();
        if (one && !one->starts_with("0")) return {};
        return error(Errc::conflict, "ClickHouse at " + client->node_text(0) +
                                         " has no table qck_analytics.link_events_local (run "
                                         "qck init --clickhouse URL)");
    };
}

}  // namespace

std::unique_ptr<StoreProbes> StoreProbes::start(
    const std::string& postgres, const std::optional<clickhouse::ClickhouseUrl>& clickhouse,
    Answered answered) {
    std::unique_ptr<StoreProbes> probes(new StoreProbes(std::move(answered)));
    if (!postgres.empty()) {
        // Its delivery asks it, too, and says when it does not answer.
        probes->add(
            {"postgres", postgres::shown_url(postgres), {}, ask_postgres(postgres), {}, {}});
    }
    if (!clickhouse) return probes;
    const std::string effect = clickhouse->nodes.size() == 1
                                   ? "its rows wait in the journal"
                                   : "its rows go to other nodes, or wait in the journal";
    for (const clickhouse::Node& node : clickhouse->nodes) {
        clickhouse::ClickhouseUrl one = *clickhouse;
        one.nodes = {node};
        probes->add({"clickhouse", node.text(), effect, ask_clickhouse(std::move(one)), {}, {}});
    }
    return probes;
}

StoreProbes::~StoreProbes() {
    stop();
    for (Probe& probe : probes_) probe.thread.join();
}

void StoreProbes::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
}

std::vector<StoreProbes::Standing> StoreProbes::standings(std::string_view store) const {
    std::vector<Standing> standings;
    const std::lock_guard lock(mutex_);
    for (const Probe& probe : probes_) {
        if (probe.store == store) standings.push_back({probe.node, probe.failure});
    }
    return standings;
}

void StoreProbes::add(Probe made) {
    Probe& probe = probes_.emplace_back(std::move(made));
    probe.thread = std::thread([this, &probe] { run(probe); });
}

void StoreProbes::run(Probe& probe) {
    name_thread("qck-probe");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        const auto answer = probe.ask();
        // One without its tables answers too, and says so to whoever needs them.
        const bool answered = answer || answer.error().code == Errc::conflict;
        if (answered && answered_) answered_(probe.store);
        lock.lock();
        const std::string before =
            std::exchange(probe.failure, answer ? std::string() : answer.error().message);
        log_change(probe, before);
        wake_.wait_for(lock, every, [this] { return stopping_; });
    }
}

void StoreProbes::log_change(const Probe& probe, const std::string& before) {
    if (probe.effect.empty() || before.empty() == probe.failure.empty()) return;
    if (probe.failure.empty()) {
        log::info("sink_answers_again", {{"sink", probe.store}, {"node", probe.node}});
    } else {
        log::error("sink_does_not_answer",
                   {{"sink", probe.store}, {"error", probe.failure}, {"effect", probe.effect}});
    }
}

}  // namespace qck::commands
