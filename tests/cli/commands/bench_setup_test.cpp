#include "cli/commands/bench_setup.hpp"

#include <algorithm>

#include "base/cpu.hpp"
#include "cli/commands/service.hpp"
#include "cli/commands/service_load.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

using namespace qck;
using commands::BenchOptions;

namespace {

BenchOptions embedded(std::size_t processes) {
    BenchOptions options;
    options.serve = true;
    options.fleet.count = processes;
    return options;
}

/// Users with so many requests a second.
scenario::Plan plan_of_users(double rate_per_s) {
    scenario::Plan plan;
    plan.users.emplace();
    scenario::Phase steady;
    steady.rate_from_per_s = rate_per_s;
    steady.rate_to_per_s = rate_per_s;
    plan.phases.push_back(steady);
    return plan;
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

TEST_CASE("many requests of users from more processes than CPUs share these with the service",
          "[cli][skippable]") {
    const std::vector<int> cpus = allowed_cpus();
    if (cpus.size() < 2) QCK_SKIP("it takes two CPUs");
    const double rate = 50'000 * static_cast<double>(cpus.size());
    const scenario::Plan many = plan_of_users(rate);
    const auto shared = place(embedded(cpus.size() + 1), many);
    CHECK(shared.service.shared);
    CHECK(shared.service.cpus == cpus);
    CHECK(shared.generator == cpus);

    check_apart(place(embedded(cpus.size()), many), cpus.size());
    check_apart(place(embedded(cpus.size() + 1), plan_of_users(rate / 2)), cpus.size());
    scenario::Plan nobodys = many;
    nobodys.users.reset();
    check_apart(place(embedded(cpus.size() + 1), nobodys), cpus.size());
    auto pinned = embedded(cpus.size() + 1);
    pinned.pin = {cpus.back()};
    check_apart(place(pinned, many), cpus.size());
    auto dialling_in = embedded(cpus.size() + 1);
    dialling_in.fleet.listen = "127.0.0.1:0";
    check_apart(place(dialling_in, many), cpus.size());
}

TEST_CASE("what else is busy in a service takes turns on its CPUs from the last one on", "[cli]") {
    using Thread = commands::ServiceConfig::OtherThread;
    commands::ServiceConfig config;
    config.pin = {4, 5, 6};
    CHECK(config.cpu_of(Thread::api) == -1);
    config.steer_by_cpu = true;
    CHECK(config.cpu_of(Thread::api) == 6);
    CHECK(config.cpu_of(Thread::link_writer) == 5);
    config.pin = {4};
    CHECK(config.cpu_of(Thread::link_writer) == 4);
    config.pin = {};
    CHECK(config.cpu_of(Thread::api) == -1);
}

TEST_CASE("an embedded service and the generator are told by the CPUs they had", "[cli]") {
    using commands::ServiceLoad;
    commands::Placement placement;
    placement.service.cpus = {0};
    placement.generator = {1, 2};
    CHECK(ServiceLoad::text(placement, 0.914, 0.8) ==
          "The embedded service used 91 % of its 1 CPU (polling included), the generator 80 % of "
          "its 2.");
    placement.service = {{0, 1}, true};
    placement.generator = {0, 1};
    CHECK(ServiceLoad::text(placement, 0.46, 1.01) ==
          "The embedded service and the generator share 2 CPUs: it used 46 % of them, the "
          "generator 100 %.");
}
