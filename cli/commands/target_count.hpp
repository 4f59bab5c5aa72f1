#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/report/report.hpp"

namespace qck::commands {

/// The words of a command, split at spaces; '…' and "…" hold what is between them together, and a
/// backslash takes the next character as it is (within "…" as well). Nothing else is special: there
/// is no shell, no variable and no pattern. Fails when a quote is left open or no word is there.
Result<std::vector<std::string>> split_command(std::string_view text);

/// The count in `text`: where `pointer` is given (RFC 6901) of the JSON document that it is, else
/// of the whole text. A whole number of 0 or more, also as a string.
Result<std::uint64_t> count_in(std::string_view text, const std::string& pointer);

/// Where a target says how many clicks it has counted: an answer of its API, or what a command
/// prints. Reading takes at most ten seconds, or as
/// long as --count-within where that is shorter, and a megabyte; a signal ends it at once. Not
/// thread-safe.
class CountSource {
public:
    /// By --count-url, --count-cmd and --count-pointer. Errors name the flag. `interrupts` outlives
    /// it.
    static Result<CountSource> make(const BenchOptions& options, const InterruptWatch& interrupts);

    Result<std::uint64_t> read();
    /// Signals that came until now were for something else: the next one ends what is read.
    void forgive_signals() { patience_->signals_before = patience_->interrupts.count(); }
    /// A signal has come since.
    bool is_to_stop() const { return patience_->is_over(); }
    /// The URL without its query, or the program: what may stand beside them may be secret.
    const std::string& name() const { return name_; }

private:
    /// At a place of its own, since the client asks it too.
    struct Patience {
        const InterruptWatch& interrupts;
        int signals_before = 0;

        bool is_over() const { return interrupts.count() > signals_before; }
    };

    Result<std::string> ask_url();
    Result<std::string> run_command() const;

    std::unique_ptr<Patience> patience_;

    std::chrono::milliseconds read_timeout_{};

    std::string name_;
    std::string pointer_;
    std::string flag_;
    std::unique_ptr<client::RestClient> client_;  ///< null for a command
    std::string target_;
    std::vector<std::string> command_;
};

/// Reads the count until it has stood still for a second: what was asked before the run is counted
/// by then. Fails when it cannot be read, and when it has not stood still `within` that time: then
/// somebody else is at the target, and a comparison would say nothing.
Result<std::uint64_t> calm_count(CountSource& source, std::chrono::nanoseconds within);

/// Answers that a count has to show, and those that it may: requests whose answer never came, or
/// was a server's error, may have been counted all the same.
struct ExpectedCount {
    std::uint64_t answered = 0;  ///< with a status below 400, but for 201 (created)
    std::uint64_t unknown = 0;

    void add(const record::RunResult& run);
};

/// Reads the count again until it has stood still for a second where it should be, or above that,
/// or until `within` has passed, or a signal comes (another one, where a first has ended the run).
/// Fails when it cannot be read.
Result<report::TargetCount> settle_count(CountSource& source, std::uint64_t before,
                                         const ExpectedCount& expected,
                                         std::chrono::nanoseconds within);

}  // namespace qck::commands
