#include "services/clicks/alert_queue.hpp"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/cpu.hpp"
#include "base/log.hpp"

namespace qck::clicks {
namespace {

std::string utc_time(std::int64_t wall_ms) {
    const std::time_t seconds = wall_ms / 1000;
    std::tm broken{};
    ::gmtime_r(&seconds, &broken);
    char day[32];
    std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &broken);
    char text[48];
    std::snprintf(text, sizeof text, "%s.%03dZ", day, static_cast<int>(wall_ms % 1000));
    return text;
}

}  // namespace

std::string alert_json(const LinkModeChange& change, std::int64_t wall_ms) {
    const auto name = [](LinkMode mode) {
        return std::string(link_mode_names[static_cast<std::size_t>(mode)]);
    };
    const nlohmann::ordered_json json = {
        {"event", "link_mode"},
        {"code", change.code},
        {"link_id", std::to_string(change.link_id)},
        {"from", name(change.from)},
        {"to", name(change.to)},
        {"clicks_per_s", static_cast<std::int64_t>(change.rate_per_s)},
        {"forced", change.forced},
        {"time", utc_time(wall_ms)}};
    return json.dump() + "\n";
}

AlertQueue::AlertQueue(Post post, const AlertQueueConfig& config)
    : post_(std::move(post)), config_(config), thread_([this] { run(); }) {}

AlertQueue::~AlertQueue() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void AlertQueue::push(const LinkModeChange& change, std::int64_t wall_ms) {
    std::string alert = alert_json(change, wall_ms);
    const std::lock_guard lock(mutex_);
    if (alerts_.size() >= config_.alerts_max) {
        alerts_.pop_front();
        ++given_up_;
    }
    alerts_.push_back(std::move(alert));
    wake_.notify_all();
}

void AlertQueue::run() {
    name_thread("qck-alerts");
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !alerts_.empty(); });
        if (stopping_) return;
        const std::string alert = std::move(alerts_.front());
        alerts_.pop_front();
        lock.unlock();
        if (!send(alert)) ++given_up_;
        lock.lock();
    }
}

bool AlertQueue::send(const std::string& alert) {
    Backoff backoff(config_.backoff, config_.jitter_seed);
    for (int tries = 1;; ++tries) {
        const auto posted = post_(alert);
        if (posted) {
            ++sent_;
            return true;
        }
        ++failures_;
        const bool last = tries >= config_.tries_max;
        if (tries == 1 || last) {
            log::warn("alert_not_sent", {{"error", posted.error().message},
                                         {"next", last ? "given up" : "tried again"}});
        }
        if (last) return false;
        std::unique_lock lock(mutex_);
        if (wake_.wait_for(lock, backoff.next(), [this] { return stopping_; })) return false;
    }
}

}  // namespace qck::clicks
