#include "cli/commands/answer_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.hpp"
#include "base/units.hpp"

namespace qck::commands {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_look = 300ms;
constexpr std::chrono::milliseconds between_looks = 2s;
constexpr std::chrono::milliseconds look_max = 3s;
constexpr std::chrono::nanoseconds silence_max = 10s;

client::RestConfig quick(client::RestConfig config) {
    config.connect_timeout = config.request_timeout = look_max;
    return config;
}

}  // namespace

AnswerWatch::AnswerWatch(client::RestConfig admin, std::string command)
    : config_(quick(std::move(admin))),
      command_(std::move(command)),
      begin_ns_(monotonic_ns()),
      heard_ns_(begin_ns_),
      thread_([this] { run(); }) {}

AnswerWatch::~AnswerWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
    if (shown_) std::fputs("\r\x1b[K", stderr);
}

void AnswerWatch::run() {
    client::RestClient admin(config_);
    std::unique_lock lock(mutex_);
    for (auto pause = first_look; !stopping_; pause = between_looks) {
        wake_.wait_for(lock, pause, [this] { return stopping_; });
        if (stopping_) return;
        lock.unlock();
        look(admin);
        show_time();
        lock.lock();
    }
}

void AnswerWatch::look(client::RestClient& admin) {
    const auto answer = admin.call("GET", "/v1/status");
    const std::int64_t now_ns = monotonic_ns();
    if (!answer) {
        lost_ = now_ns - heard_ns_ > silence_max.count();
        return;
    }
    heard_ns_ = now_ns;
    const auto status = nlohmann::json::parse(answer->body, nullptr, false);
    if (!status.is_object() || !status.contains("stores")) return;
    for (const auto& store : status["stores"]) {
        if (!store.is_object() || !store.value("away", false)) continue;
        const auto name = store.value("store", std::string());
        tell(name, "waits, since " + name + " is away: " + store.value("why", std::string()));
    }
    const auto settling = status.find("settling");
    if (settling == status.end() || !settling->is_object()) return;
    const auto name = settling->value("store", std::string());
    const std::string missing = settling->value("pending_unit", std::string()) + " missing: " +
                                format_count(settling->value("pending", std::uint64_t{0}));
    const double left_s = std::max(0.0, settling->value("left_s", 0.0));
    tell("settling " + name, "waits at most " +
                                 format_count(static_cast<std::uint64_t>(std::llround(left_s))) +
                                 " s for " + name + " to take what was counted (" + missing + ")");
}

/// Once a thing that it is about.
void AnswerWatch::tell(const std::string& about, const std::string& text) {
    if (!told_.insert(about).second) return;
    std::fprintf(stderr, "%s%s: %s\n", std::exchange(shown_, false) ? "\r\x1b[K" : "",
                 command_.c_str(), text.c_str());
}

void AnswerWatch::show_time() {
    static const bool terminal = ::isatty(STDERR_FILENO) == 1;
    if (!terminal) return;
    std::fprintf(stderr, "\r%s: %s works, %lld s", command_.c_str(), config_.service.text.c_str(),
                 static_cast<long long>((monotonic_ns() - begin_ns_) / 1'000'000'000));
    shown_ = true;
}

}  // namespace qck::commands
