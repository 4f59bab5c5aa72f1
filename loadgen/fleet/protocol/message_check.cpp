#include "loadgen/fleet/protocol/message_check.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "loadgen/fleet/protocol/plan_check.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::fleet {
namespace {

namespace limits = scenario::limits;
using Nanos = std::chrono::nanoseconds;

/// Of CLOCK_MONOTONIC, ns: 146 years, and differences and sums of two still fit.
constexpr std::int64_t moment_max = std::int64_t{1} << 62;
/// A run waits for its last answers, and for others.
constexpr Nanos run_max = limits::duration_max + std::chrono::hours(24);
/// A Hello may say that many, as its agent has CPUs.
constexpr std::size_t threads_told_max = 4'096;
constexpr std::uint32_t cpus_max = 65'536;
constexpr std::size_t interfaces_max = 64;
constexpr std::uint32_t siblings_max = 65'536;
constexpr std::size_t name_bytes_max = 200;
constexpr std::size_t reason_bytes_max = 4'096;

bool is_moment(std::int64_t at_ns) { return at_ns >= 0 && at_ns < moment_max; }
bool is_span(Nanos span) { return span >= Nanos{} && span <= run_max; }
bool is_measure(double value) { return std::isfinite(value) && value >= 0; }

bool is_lanes(const Lanes& lanes) {
    const auto& numbers = lanes.lanes;
    const bool ascending =
        std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) == numbers.end();
    return lanes.period != 0 && ascending && (numbers.empty() || numbers.back() < lanes.period);
}

bool is_thread(const record::ThreadResult& thread) {
    return thread.cpu >= -1 && is_span(thread.cpu_time) && is_span(thread.spin_time) &&
           is_span(thread.wall_time) && thread.began_late >= -run_max &&
           thread.began_late <= run_max;
}

bool is_interface(const record::InterfaceUse& use) {
    return use.name.size() <= name_bytes_max && use.agent.size() <= name_bytes_max &&
           is_measure(use.speed_per_s) && is_measure(use.busiest_share);
}

/// In order, none reaching into the next, and nothing in one that its CPUs could not have had.
bool are_stretches(const std::vector<record::CpuStretch>& stretches) {
    Nanos before{};
    for (const record::CpuStretch& one : stretches) {
        if (!is_span(one.begin) || !is_span(one.length)) return false;
        if (one.begin < before || one.length == Nanos{} || one.cpus > cpus_max) return false;
        for (const Nanos part :
             {one.stolen, one.stolen_most, one.others, one.kept_waiting, one.ours}) {
            if (part < Nanos{} || part / cpus_max > one.length) return false;
        }
        before = one.end();
    }
    return stretches.size() <= cpu_stretches_max;
}

bool is_evidence(const record::GeneratorEvidence& evidence) {
    const auto& threads = evidence.threads;
    const auto& interfaces = evidence.interfaces;
    return threads.size() <= threads_told_max && interfaces.size() <= interfaces_max &&
           std::all_of(threads.begin(), threads.end(), is_thread) &&
           std::all_of(interfaces.begin(), interfaces.end(), is_interface) &&
           are_stretches(evidence.cpu_stretches) && is_measure(evidence.cpu_share_max) &&
           is_measure(evidence.steal_share);
}

/// What is wrong with it; nothing when nothing is.
const char* fault_of(const Beat& beat) {
    return is_moment(beat.sent_ns) && is_moment(beat.lease_until_ns) ? nullptr : "times";
}
const char* fault_of(const Pulse& pulse) {
    return is_moment(pulse.beat_sent_ns) && is_moment(pulse.received_ns) &&
                   is_moment(pulse.answered_ns)
               ? nullptr
               : "times";
}
const char* fault_of(const Prepare& order) {
    if (!is_lanes(order.lanes)) return "lanes";
    if (order.siblings < 1 || order.siblings > siblings_max) return "siblings";
    return order.threads <= limits::threads_max ? nullptr : "threads";
}
const char* fault_of(const Start& start) { return is_moment(start.at_ns) ? nullptr : "times"; }
const char* fault_of(const TakeOver& order) {
    return std::all_of(order.stripes.begin(), order.stripes.end(), is_lanes) ? nullptr : "lanes";
}
const char* fault_of(const Done& done) {
    if (!is_span(Nanos(done.ran_ns))) return "times";
    return is_evidence(done.evidence) ? nullptr : "evidence";
}
const char* fault_of(const Failed& failed) {
    return failed.why.size() <= reason_bytes_max ? nullptr : "reason";
}
const char* fault_of(const Refusal& refusal) {
    return refusal.why.size() <= reason_bytes_max ? nullptr : "reason";
}
/// Checked where they are used: by the greeting, and against the run that they are of.
template <class Other>
const char* fault_of(const Other&) {
    return nullptr;
}

}  // namespace

Result<void> check_message(const Message& message) {
    if (const auto* prepare = std::get_if<Prepare>(&message)) {
        if (auto good = check_plan(prepare->plan); !good) return good;
    }
    const char* const fault = std::visit([](const auto& one) { return fault_of(one); }, message);
    if (fault == nullptr) return {};
    return error(Errc::invalid_argument,
                 std::string("its ") + fault + " are not within what qck says");
}

}  // namespace qck::fleet
