#include "cli/commands/mode_renewal.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "base/cpu.hpp"
#include "services/stores/redis/link_changes.hpp"
#include "services/stores/redis/link_scripts.hpp"

namespace qck::commands {
namespace {

/// Given to Redis at once.
constexpr std::size_t commands_in_a_step = 500;

}  // namespace

ModeRenewal::ModeRenewal(clicks::LinkModes& modes, links::LinkStore& links, Send send,
                         std::chrono::milliseconds every)
    : modes_(modes), links_(links), send_(std::move(send)), every_(every) {}

ModeRenewal::~ModeRenewal() { stop(); }

void ModeRenewal::start() {
    thread_ = std::thread([this] { run(); });
}

void ModeRenewal::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void ModeRenewal::hurry() {
    const std::lock_guard lock(mutex_);
    hurried_ = true;
    wake_.notify_all();
}

void ModeRenewal::run() {
    name_thread("qck-renewal");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait_for(lock, every_, [this] { return stopping_ || hurried_; });
        if (stopping_) return;
        hurried_ = false;
        lock.unlock();
        renew();
        lock.lock();
    }
}

void ModeRenewal::renew() {
    constexpr std::chrono::milliseconds ttl = redis::LinkChangesConfig{}.link_ttl;
    std::vector<std::uint64_t> ids;
    std::vector<redis::Command> commands;
    const auto standings = modes_.standings();
    for (const auto& standing : standings) {
        if (standing.mode != clicks::LinkMode::normal) ids.push_back(standing.link_id);
    }
    if (ids.empty()) return;
    // One question for all. What the store does not say now is there already, or is filled by the
    // next visitor.
    std::set<std::uint64_t> filled;
    if (const auto found = links_.find_by_ids(ids)) {
        for (const links::Link& link : *found) {
            filled.insert(link.id);
            commands.push_back(redis::fill_command(link.code, {link, 0}, {}, ttl));
        }
    }
    for (const auto& standing : standings) {
        if (standing.mode == clicks::LinkMode::normal || standing.code.empty()) continue;
        if (filled.contains(standing.link_id)) continue;
        commands.push_back(redis::renew_command(standing.code, ttl));
    }
    while (!commands.empty()) {
        const auto count = std::min(commands.size(), commands_in_a_step);
        std::vector<redis::Command> some(
            std::make_move_iterator(commands.end() - static_cast<std::ptrdiff_t>(count)),
            std::make_move_iterator(commands.end()));
        commands.erase(commands.end() - static_cast<std::ptrdiff_t>(count), commands.end());
        send_(std::move(some));
    }
}

}  // namespace qck::commands
