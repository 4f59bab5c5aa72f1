#include "loadgen/engine/cpu_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace qck::engine {
namespace {

/// A run that drains for hours keeps no more than these; the last one then goes on growing.
constexpr std::size_t stretches_max = 4'000;

/// How long a thread of this process was ready and did not run: the second figure of schedstat,
/// nanoseconds.
std::chrono::nanoseconds waited_by(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/schedstat");
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    if (!(file >> ran >> waited)) return {};
    return std::chrono::nanoseconds(waited);
}

}  // namespace

CpuWatch::CpuWatch(Config config) : config_(std::move(config)), threads_(config_.threads) {}

CpuWatch::Sample CpuWatch::sample(std::chrono::nanoseconds at) const {
    Sample now;
    now.at = at;
    now.cpus = cpu_times();
    std::erase_if(now.cpus, [this](const CpuTime& time) {
        return !config_.cpus.empty() &&
               std::find(config_.cpus.begin(), config_.cpus.end(), time.cpu) == config_.cpus.end();
    });
    now.ours = cpu_time_of(::getpid());
    for (const pid_t process : config_.ours) now.ours += cpu_time_of(process);
    return now;
}

std::chrono::nanoseconds CpuWatch::waited_most() {
    std::chrono::nanoseconds most{};
    for (Thread& thread : threads_) {
        const pid_t id = thread.id.load();
        if (id == 0) continue;
        const std::chrono::nanoseconds before = thread.waited;
        // Of a thread that has ended nothing can be read: it waits no more.
        thread.waited = std::max(before, waited_by(id));
        most = std::max(most, thread.waited - before);
    }
    return most;
}

void CpuWatch::look(std::chrono::nanoseconds at) {
    if (!begun_) {
        begun_ = true;
        last_ = sample(at);
        waited_most();
        return;
    }
    if (at - last_.at >= config_.every && stretches_.size() < stretches_max) take(at);
}

void CpuWatch::end(std::chrono::nanoseconds at) {
    if (begun_ && at > last_.at) take(at);
}

void CpuWatch::take(std::chrono::nanoseconds at) {
    Sample now = sample(at);
    record::CpuStretch stretch;
    stretch.begin = last_.at;
    stretch.length = at - last_.at;
    stretch.kept_waiting = waited_most();
    std::chrono::nanoseconds busy{};
    for (const CpuTime& time : now.cpus) {
        const auto before =
            std::find_if(last_.cpus.begin(), last_.cpus.end(),
                         [&time](const CpuTime& one) { return one.cpu == time.cpu; });
        if (before == last_.cpus.end()) continue;  // has come meanwhile
        const auto stolen = std::max(time.stolen - before->stolen, std::chrono::nanoseconds(0));
        ++stretch.cpus;
        stretch.stolen += stolen;
        stretch.stolen_most = std::max(stretch.stolen_most, stolen);
        busy += std::max(time.busy - before->busy, std::chrono::nanoseconds(0));
    }
    stretch.ours = std::max(now.ours - last_.ours, std::chrono::nanoseconds(0));
    stretch.others = std::max(busy - stretch.ours, std::chrono::nanoseconds(0));
    stretches_.push_back(stretch);
    last_ = std::move(now);
}

}  // namespace qck::engine
