#include "cli/commands/bench_fit.hpp"

#include <algorithm>

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using commands::Calibration;

namespace {

/// A target that answers so many a second, and what it was asked to.
struct Machine {
    double takes_per_s = 0;
    std::vector<double> asked_per_s;  ///< 0: in closed loop

    Result<record::RunResult> operator()(const scenario::Plan& plan, bool closed_loop) {
        const double rate = plan.phases.front().rate_from_per_s;
        asked_per_s.push_back(closed_loop ? 0 : rate);
        const double due = closed_loop ? takes_per_s : rate;
        record::RunResult run;
        record::PhaseResult& phase = run.phases.emplace_back();
        phase.duration = plan.phases.front().duration;
        const double seconds = std::chrono::duration<double>(phase.duration).count();
        record::Accounting& a = phase.accounting;
        a.scheduled = static_cast<std::uint64_t>(due * seconds);
        a.answered = static_cast<std::uint64_t>(std::min(due, takes_per_s) * seconds);
        a.sent = a.answered;
        a.unsent = a.scheduled - a.sent;
        phase.status[302] = a.answered;
        run.links.hot = a.answered;
        return run;
    }
};

Result<Calibration> calibrate(Machine& machine, std::optional<double> enough) {
    return commands::calibrate_by(std::ref(machine), test::small_burst(), enough, "http://there");
}

}  // namespace

TEST_CASE("a calibration asks for no more than is enough", "[bench][fit]") {
    Machine machine{50'000, {}};
    const auto calibration = calibrate(machine, 4'000);
    REQUIRE(calibration.has_value());
    CHECK(machine.asked_per_s == std::vector<double>{4'000});
    CHECK(calibration->at_least);
    CHECK(calibration->rate_per_s == 4'000);
    CHECK(calibration->accounting.sent == 6'000);
    CHECK(commands::calibration_text(*calibration) ==
          "this machine offers at least 4k/s to this target (6,000 requests)");
}

TEST_CASE("where that is too much, what can be had is found, and all that was asked is counted",
          "[bench][fit]") {
    Machine machine{3'000, {}};
    const auto calibration = calibrate(machine, 4'000);
    REQUIRE(calibration.has_value());
    CHECK(machine.asked_per_s == std::vector<double>{4'000, 0});
    CHECK_FALSE(calibration->at_least);
    CHECK(calibration->rate_per_s == 3'000);
    CHECK(calibration->links.hot == 9'000);
    CHECK(calibration->counts.answered == 9'000);
    CHECK(commands::calibration_text(*calibration) ==
          "this machine offers 3k/s to this target (9,000 requests)");
}

TEST_CASE("rates beyond most machines, and those nobody knows, are not tried first",
          "[bench][fit]") {
    const auto enough = GENERATE(std::optional<double>(1e6), std::optional<double>());
    Machine machine{20'000, {}};
    const auto calibration = calibrate(machine, enough);
    REQUIRE(calibration.has_value());
    CHECK(machine.asked_per_s == std::vector<double>{0});
    CHECK(calibration->accounting.sent == 30'000);
}
