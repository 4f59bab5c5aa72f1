#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/report/burst.hpp"
#include "loadgen/report/slo.hpp"
#include "loadgen/report/verdict.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::report {

/// In microseconds. Of nothing there is none: where a Latency may be absent, it was not measured.
struct Latency {
    double p50 = 0;
    double p90 = 0;
    double p99 = 0;
    double p999 = 0;
    double max = 0;
    double mean = 0;
    bool operator==(const Latency&) const = default;
};

/// The buckets of a histogram that are not empty: top of the bucket in nanoseconds, and count;
/// ascending.
using Buckets = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// How requests arrived at a target that says so.
struct ArrivalReport {
    std::uint64_t requests = 0;  ///< in tenths of a second that touch the phase
    double idle_max_us = 0;      ///< the longest that none came and none was open
    double late_max_us = 0;      ///< the longest that its event loop was busy, or not run
    bool operator==(const ArrivalReport&) const = default;
};

struct PhaseReport {
    std::string name;
    double start_s = 0;
    double seconds = 0;
    double target_rate = 0;    ///< per second; 0 in closed-loop mode
    double achieved_rate = 0;  ///< answered per second
    record::Accounting accounting;
    std::optional<Latency> latency_us;   ///< from the due time; absent when nothing was answered
                                         ///< and nothing waited to its timeout
    std::optional<Latency> service_us;   ///< from the actual send; absent when nothing was answered
    std::optional<Latency> send_lag_us;  ///< from the due time to the actual send; absent when
                                         ///< nothing was sent
    record::CpuShares cpu;               ///< who else had the CPUs meanwhile
    std::optional<ArrivalReport> arrivals;        ///< absent where the target does not say
    std::map<std::string, std::uint64_t> status;  ///< of the answered
    /// Of `status`, what was not asked for; as in record::PhaseResult.
    std::map<std::string, std::uint64_t> unexpected;
    /// By cause: what failed, timed out (`timeout`) and stayed unsent (`unsent: …`).
    std::map<std::string, std::uint64_t> errors;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    Buckets latency_buckets;
    Buckets service_buckets;
};

/// All requests of one kind; as record::KindResult.
struct RequestReport {
    std::string name;
    std::uint64_t sent = 0;
    std::uint64_t unsent = 0;
    std::uint64_t answered = 0;
    std::uint64_t unexpected = 0;  ///< of `answered`
    std::uint64_t failed = 0;
    std::uint64_t timed_out = 0;
    std::optional<Latency> latency_us;  ///< as PhaseReport::latency_us
};

/// What happened over time; all vectors have one entry an interval.
struct SeriesReport {
    double interval_s = 0;
    std::vector<double> target;  ///< per second, by the plan
    std::vector<std::uint64_t> scheduled;
    std::vector<std::uint64_t> sent;
    std::vector<std::uint64_t> answered;
    /// Latency from the due time, in microseconds; not a number (null in report.json) where there
    /// is none.
    std::vector<double> p50_us;
    std::vector<double> p90_us;
    std::vector<double> p99_us;
    std::vector<double> p999_us;
    std::vector<double> max_us;
    /// By cause as in PhaseReport::errors; causes that never came are absent.
    std::map<std::string, std::vector<std::uint64_t>> errors;
};

struct ThreadReport {
    int cpu = -1;  ///< pinned to; -1 when not
    double cpu_share = 0;
    std::uint64_t wakeups = 0;
    double wake_lag_p99_us = 0;
};

/// One agent of a fleet. What it did not live to say is 0, and `reported` false.
struct AgentReport {
    std::string name;
    std::string address;
    double capacity_per_s = 0;  ///< calibrated; 0 when it was not
    double share = 0;           ///< of the requests, 0..1, before any were taken over
    std::uint32_t threads = 0;
    double clock_offset_us = 0;       ///< its monotonic clock ahead of the coordinator's
    double clock_uncertainty_us = 0;  ///< the offset is off by at most this
    bool reported = true;
    double start_skew_us = 0;  ///< when its last thread began, after the common moment
    double cpu = 0;            ///< as in GeneratorReport
    double steal = 0;
    record::Accounting accounting;
    bool lost = false;
    std::string lost_why;
    double lost_after_s = 0;
    std::uint64_t gap = 0;  ///< requests of it that nobody is known to have sent
};

struct GeneratorReport {
    double cpu = 0;     ///< of the busiest second of the busiest thread, 0..1
    double steal = 0;   ///< of the CPUs' time, 0..1
    double others = 0;  ///< of the CPUs' time had by other processes, 0..1
    std::vector<ThreadReport> threads;
    std::vector<AgentReport> agents;  ///< empty where one process offered all
    std::uint64_t retransmits = 0;
    std::vector<record::InterfaceUse> interfaces;  ///< that lead to the target
    std::optional<record::SocketUse> sockets;      ///< absent in reports of a qck that did not look
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_lost = 0;
    std::uint64_t connections_open_max = 0;
    double new_connections_asked_per_s = 0;
    double new_connections_per_s = 0;  ///< opened; 0 where none were asked for
    std::map<std::string, std::uint64_t> connect_errors;
};

/// What a target that is not ours says of its clicks, read before the run and after it.
struct TargetCount {
    std::string source;  ///< a URL, or a command
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::uint64_t expected = 0;   ///< answers below 400, those of a calibration too
    std::uint64_t unknown = 0;    ///< may be counted or not: no answer came, or a server's error
    std::int64_t difference = 0;  ///< beyond expected … expected + unknown
    double waited_s = 0;          ///< after the run, until the count stood where it stayed
    bool operator==(const TargetCount&) const = default;
};

/// What became of the lines of a log that was replayed.
struct LogReport {
    std::string file;
    std::string format;
    double speed = 1;
    std::uint64_t lines = 0;
    std::uint64_t requests = 0;
    std::uint64_t other_method = 0;
    std::uint64_t malformed = 0;
    std::uint64_t out_of_order = 0;
    std::vector<std::string> first_malformed;  ///< `line 7: expected a time in brackets`
    bool operator==(const LogReport&) const = default;
};

/// From a click to the moment the stats API shows it: probe clicks on a link of their own, one
/// after another while the load ran.
struct Visibility {
    std::string code;              ///< of that link; nobody else clicks on it
    std::uint64_t clicks = 0;      ///< answered; they count in Reconciliation and TargetCount
    std::uint64_t unanswered = 0;  ///< sent, and no answer came
    std::uint64_t seen = 0;        ///< of the answered: shown by the API
    double p50_s = 0;  ///< of the seen, from sending the click to the answer that showed it
    double max_s = 0;
    double waited_s = 0;  ///< for the last one, when it was never seen
    std::string failure;  ///< why probing ended before the load did; empty: it did not
    bool operator==(const Visibility&) const = default;
};

/// The run's answers beside what the service and its stores say; see `qck reconcile`.
struct Reconciliation {
    /// Answers that count as clicks: redirects, and 404 where an unknown code was asked for, those
    /// of calibration and probes too. Of others, which may count (LinkAnswers::other), as many as
    /// the service says it served.
    std::uint64_t answered = 0;
    std::uint64_t served = 0;
    std::uint64_t counted = 0;  ///< by the journal
    std::map<std::string, std::uint64_t> stores;
    std::int64_t difference = 0;  ///< the largest by amount between answered and any of the others
    std::uint64_t calibration = 0;  ///< of `answered`: those of calibration
    std::uint64_t unanswered = 0;   ///< sent without an answer: may be counted, and no difference
    bool operator==(const Reconciliation&) const = default;
};

/// Answers by link code, for whoever counted the clicks to compare: redirects that the run's client
/// saw.
struct LinkReport {
    std::string hot;  ///< its code
    std::uint64_t hot_answered = 0;
    std::string tail_prefix;          ///< of the codes PREFIX1, PREFIX2, …
    std::vector<std::uint64_t> tail;  ///< answered, by the number in the code, from 1
    std::uint64_t unknown = 0;        ///< answered for codes that were to be unknown
    std::uint64_t added = 0;          ///< links that the run put into the service before it began
    bool operator==(const LinkReport&) const = default;
};

struct Machine {
    std::string host;
    std::string cpu_model;
    int cpus = 0;
    std::string kernel;
    std::string system;  ///< the distribution
    std::uint64_t memory_bytes = 0;
};

/// What the run itself cannot know; given by the command.
struct RunContext {
    std::string target;       ///< URL
    std::string target_note;  ///< "embedded, journal on, SQLite"; may be empty
    double scale = 1;         ///< the run offers 1:scale of the nominal rates
    std::string calibration;  ///< "this machine offers 212k/s to this target"; may be empty
    std::string scale_note;   ///< what the full rate would take; may be empty
    double compress = 1;      ///< time ran this many times shorter
    std::vector<std::string> command;
    std::uint64_t links_added = 0;  ///< to the target's service
};

/// All that report.json holds: what was run, what came of it, and what to make of it.
struct Report {
    std::string qck;       ///< version
    std::string scenario;  ///< its name
    std::string description;
    std::string target;
    std::string target_note;
    double scale = 1;
    std::string calibration;
    std::string scale_note;
    double compress = 1;
    double nominal_peak_rate = 0;  ///< per second, before scaling
    std::vector<std::string> command;
    std::int64_t started_ms = 0;  ///< since 1970
    double seconds = 0;           ///< from the first due time until nothing was open any more
    double planned_s = 0;
    bool closed_loop = false;
    bool interrupted = false;
    std::uint32_t connections = 0;
    std::uint32_t pipeline = 1;
    double timeout_s = 0;
    std::uint64_t seed = 0;

    Verdict verdict;
    record::Accounting accounting;
    std::optional<Latency> latency_us;  ///< of the whole run, as are the next two
    std::optional<Latency> service_us;
    std::optional<Latency> send_lag_us;
    std::vector<PhaseReport> phases;
    std::vector<RequestReport> requests;  ///< by kind; empty where there is but one
    SeriesReport series;
    GeneratorReport generator;
    std::vector<Objective> objectives;
    std::optional<LinkReport> links;          ///< absent in reports of a qck that did not keep them
    std::optional<Reconciliation> reconcile;  ///< absent when nothing was reconciled
    std::optional<TargetCount> target_count;  ///< absent when nobody was asked
    std::optional<LogReport> log;             ///< of a replay
    std::optional<std::vector<StepReport>> steps;  ///< absent in reports of a qck without them
    std::optional<Visibility> visible;             ///< absent when no click was probed
    std::string reconcile_failure;                 ///< why it could not be; empty where it could
    Machine machine;
};

/// Judges the run, evaluates the objectives and puts all together. `plan` is the one that ran.
Report make_report(const scenario::Plan& plan, const record::RunResult& run,
                   const RunContext& context, const std::vector<Slo>& objectives);

/// Of this computer, from /proc and uname; what cannot be read stays empty.
Machine this_machine();

/// `64` of a run at 1:64; with its decimals below ten.
std::string scale_text(double scale);

/// `Agent b was lost 3.2 s into the run (the connection was closed): of its requests 8,012 are not
/// known to have been sent, and count as unsent.`
std::string loss_text(const AgentReport& agent);

/// `1,204 in calibration, 12 probes`: what the reconciliation's answers hold beside those of the
/// run; empty when nothing.
std::string beside_the_run(const Report& report);

/// `visible p50 0.1 s, at most 0.3 s (24 probe clicks)`, or why it is not known.
std::string visible_text(const Visibility& visible);

/// One sentence on what the run showed, for the head of a report.
std::string conclusion_of(const Report& report);

}  // namespace qck::report
