#include "cli/commands/bench_setup.hpp"

#include <algorithm>

#include "base/cpu.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

using namespace qck;
using commands::BenchMode;
using commands::BenchOptions;

namespace {

BenchOptions embedded(BenchMode mode, std::size_t processes) {
    BenchOptions options;
    options.mode = mode;
    options.serve = true;
    options.fleet.count = processes;
    return options;
}

/// The generator has some CPUs, the service the others.
void check_apart(const commands::Placement& placement, std::size_t cpus) {
    CHECK_FALSE(placement.service.shared);
    CHECK(placement.generator.size() + placement.service.cpus.size() == cpus);
    for (const int cpu : placement.generator) {
        CHECK(std::count(placement.service.cpus.begin(), placement.service.cpus.end(), cpu) == 0);
    }
}

}  // namespace

TEST_CASE("users from more processes than CPUs share these with the service", "[cli][skippable]") {
    const std::vector<int> cpus = allowed_cpus();
    if (cpus.size() < 2) QCK_SKIP("it takes two CPUs");
    const auto shared = place(embedded(BenchMode::orchestrator, cpus.size() + 1));
    CHECK(shared.service.shared);
    CHECK(shared.service.cpus == cpus);
    CHECK(shared.generator == cpus);

    check_apart(place(embedded(BenchMode::orchestrator, cpus.size())), cpus.size());
    check_apart(place(embedded(BenchMode::constant, cpus.size() + 1)), cpus.size());
    auto pinned = embedded(BenchMode::orchestrator, cpus.size() + 1);
    pinned.pin = {cpus.back()};
    check_apart(place(pinned), cpus.size());
    auto dialling_in = embedded(BenchMode::orchestrator, cpus.size() + 1);
    dialling_in.fleet.listen = "127.0.0.1:0";
    check_apart(place(dialling_in), cpus.size());
}
