#include "cli/commands/visibility_probe.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

namespace qck::commands {
namespace {

using Clock = std::chrono::steady_clock;

/// A code that no other run has: the link of an earlier one may still be there.
std::string own_code() {
    std::random_device random;
    char text[32];
    std::snprintf(text, sizeof text, "qck-probe-%08x", random());
    return text;
}

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

VisibilityProbe::Config with_give_up(VisibilityProbe::Config config,
                                     const InterruptWatch& interrupts) {
    const auto give_up = [&interrupts] { return interrupts.count() > 0; };
    for (client::RestConfig* one : {&config.redirect, &config.api}) {
        one->give_up = give_up;
        one->request_timeout = config.seen_within;
    }
    return config;
}

}  // namespace

VisibilityProbe::VisibilityProbe(Config config, const InterruptWatch& interrupts)
    : config_(with_give_up(std::move(config), interrupts)),
      interrupts_(interrupts),
      redirect_(config_.redirect),
      api_(config_.api) {
    found_.code = own_code();
    thread_ = std::thread([this] { run(); });
}

VisibilityProbe::~VisibilityProbe() {
    if (thread_.joinable()) finish();
}

report::Visibility VisibilityProbe::finish() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
    found_.seen = delays_s_.size();
    if (!delays_s_.empty()) {
        std::sort(delays_s_.begin(), delays_s_.end());
        found_.p50_s = delays_s_[(delays_s_.size() - 1) / 2];
        found_.max_s = delays_s_.back();
    }
    return found_;
}

void VisibilityProbe::run() {
    if (auto added = add_link(); !added) {
        found_.failure = "the link to click on: " + added.error().message;
        return;
    }
    auto next = Clock::now();
    while (wait(next)) {
        if (auto probed = probe(); !probed) {
            if (interrupts_.count() == 0) found_.failure = probed.error().message;
            break;
        }
        next = std::max(next + config_.every, Clock::now());
    }
    if (config_.removes_link) (void)api_.call("DELETE", "/v1/links/" + found_.code);
}

bool VisibilityProbe::wait(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, until, [this] { return stopping_; });
    return !stopping_ && interrupts_.count() == 0;
}

Result<void> VisibilityProbe::add_link() {
    const nlohmann::json link{{"url", config_.target_url}, {"code", found_.code}};
    const auto added = api_.call("POST", "/v1/links", link.dump());
    if (!added) return added.error();
    return {};
}

Result<void> VisibilityProbe::probe() {
    const auto clicked = Clock::now();
    const auto answer = redirect_.send("GET", "/" + found_.code);
    if (!answer) {
        ++found_.unanswered;
        return error(answer.error().code, "a click: " + answer.error().message);
    }
    if (answer->status < 300 || answer->status > 399) {
        // Overload or a limit: no redirect, and no click of this link.
        return error(Errc::unavailable,
                     "a click was answered with status " + std::to_string(answer->status));
    }
    ++found_.clicks;
    while (interrupts_.count() == 0) {
        const auto stats = api_.call("GET", "/v1/links/" + found_.code + "/stats");
        if (!stats) return error(stats.error().code, "the stats API: " + stats.error().message);
        const double waited_s = seconds_since(clicked);
        const auto document = nlohmann::json::parse(stats->body, nullptr, false);
        const auto shown = document.is_object() ? document.find("clicks") : document.end();
        if (shown == document.end() || !shown->is_number_unsigned()) {
            return error(Errc::corrupt, "the stats API: no number of clicks in its answer");
        }
        if (shown->get<std::uint64_t>() >= found_.clicks) {
            delays_s_.push_back(waited_s);
            return {};
        }
        found_.waited_s = waited_s;
        if (waited_s > std::chrono::duration<double>(config_.seen_within).count()) {
            return error(Errc::timed_out, "given up after that");
        }
        std::this_thread::sleep_for(config_.poll);
    }
    return {};
}

}  // namespace qck::commands
