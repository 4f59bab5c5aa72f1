#include "cli/commands/store_probes.hpp"

#include <utility>

#include "base/cpu.hpp"
#include "services/stores/clickhouse/client.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::commands {
namespace {

std::function<Result<void>()> ask_postgres(const std::string& url,
                                           const std::function<void()>& answered) {
    postgres::PoolOptions options;
    options.url = url;
    options.connections_max = 1;
    options.connect_timeout = options.statement_timeout = StoreProbes::patience;
    options.back_off_max = StoreProbes::every / 2;
    const auto pool = std::make_shared<postgres::Pool>(std::move(options));
    return [pool, answered]() -> Result<void> {
        const auto one = pool->with([](postgres::Connection& connection) {
            return connection.query("SELECT 1", postgres::Parameters());
        });
        if (!one) return one.error();
        answered();
        return {};
    };
}

std::function<Result<void>()> ask_clickhouse(const clickhouse::ClickhouseUrl& url) {
    clickhouse::ClientConfig config;
    config.url = url;
    config.connect_timeout = config.request_timeout = StoreProbes::patience;
    config.retry_max = StoreProbes::every / 2;
    const auto client = std::make_shared<clickhouse::Client>(std::move(config));
    return [client]() -> Result<void> {
        const auto one = client->query("SELECT 1");
        if (!one) return one.error();
        return {};
    };
}

}  // namespace

std::unique_ptr<StoreProbes> StoreProbes::start(
    const std::string& postgres, const std::optional<clickhouse::ClickhouseUrl>& clickhouse,
    const std::function<void()>& postgres_answered) {
    std::unique_ptr<StoreProbes> probes(new StoreProbes);
    if (!postgres.empty()) {
        probes->add("postgres", ask_postgres(postgres, postgres_answered));
    }
    if (clickhouse) probes->add("clickhouse", ask_clickhouse(*clickhouse));
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

std::string StoreProbes::failure(std::string_view store) const {
    const std::lock_guard lock(mutex_);
    for (const Probe& probe : probes_) {
        if (probe.store == store) return probe.failure;
    }
    return {};
}

void StoreProbes::add(std::string store, std::function<Result<void>()> ask) {
    Probe& probe = probes_.emplace_back();
    probe.store = std::move(store);
    probe.ask = std::move(ask);
    probe.thread = std::thread([this, &probe] { run(probe); });
}

void StoreProbes::run(Probe& probe) {
    name_thread("qck-probe");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        const auto answer = probe.ask();
        lock.lock();
        probe.failure = answer ? std::string() : answer.error().message;
        wake_.wait_for(lock, every, [this] { return stopping_; });
    }
}

}  // namespace qck::commands
