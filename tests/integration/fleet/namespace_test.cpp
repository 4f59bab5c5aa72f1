#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/integration/fleet/agent_process.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

bool shell(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// A network namespace behind a pair of interfaces; host 10.231.7.1, inside 10.231.7.2.
class Namespace {
public:
    Namespace() {
        made_ = shell("ip netns add " + name_) &&
                shell("ip link add " + outer_ + " type veth peer name eth0 netns " + name_) &&
                shell("ip addr add 10.231.7.1/24 dev " + outer_) &&
                shell("ip link set " + outer_ + " up") &&
                shell(in("ip addr add 10.231.7.2/24 dev eth0")) &&
                shell(in("ip link set eth0 up")) && shell(in("ip link set lo up"));
    }
    ~Namespace() {
        shell("ip link del " + outer_);
        shell("ip netns del " + name_);
    }
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;

    bool is_made() const { return made_; }
    /// Delay and loss on the way out of the host.
    bool impair() const {
        return shell("tc qdisc add dev " + outer_ + " root netem delay 20ms 5ms loss 1%");
    }
    const std::string& name() const { return name_; }

private:
    std::string in(const std::string& command) const {
        return "ip netns exec " + name_ + " " + command;
    }

    std::string name_ = "qck" + std::to_string(::getpid());
    std::string outer_ = "q" + std::to_string(::getpid());
    bool made_ = false;
};

/// One agent in the namespace and one outside of it, against a service on the host.
json run_over(const Namespace& space) {
    const test::TemporaryDirectory directory;
    const std::string token = "QCK_FLEET_TOKEN=of both";
    test::QckProcess service({"serve", "--data-dir", (directory.path() / "data").string(),
                              "--listen", "10.231.7.1:18080", "--api", "127.0.0.1:0", "--ingest",
                              "127.0.0.1:0", "--admin", "127.0.0.1:0"});
    REQUIRE(service.ready_address("redirect") == "10.231.7.1:18080");
    const std::string agent = std::string("exec ip netns exec ") + space.name() + " " +
                              QCK_PROGRAM + " agent --listen 10.231.7.2:7070 --name far";
    test::QckProcess far(test::QckProcess::shell, agent, {token});
    REQUIRE(far.ready_address() == "10.231.7.2:7070");
    test::QckProcess near({"agent", "--listen", "127.0.0.1:0", "--name", "near"}, {token});
    const auto out = directory.path() / "run";
    const auto run =
        test::run_program(QCK_PROGRAM,
                          {"bench", "constant", "--target", "http://10.231.7.1:18080/health",
                           "--rate", "400", "--duration", "3s", "--agents",
                           "10.231.7.2:7070," + near.ready_address(), "--out", out.string()},
                          {token});
    CAPTURE(run.out, run.err);
    REQUIRE((run.exit_code == 0 || run.exit_code == 4));
    return json::parse(test::text_of_file(out / "report.json"));
}

void check(const json& report) {
    const json& sums = report.at("accounting");
    CHECK(sums.at("scheduled") == 1200);
    CHECK(sums.at("answered").get<int>() >= 1188);
    for (const json& agent : report.at("generator").at("agents")) {
        CAPTURE(agent.dump());
        CHECK_FALSE(agent.at("lost").get<bool>());
        // One machine has one monotonic clock: whatever offset was measured is the error.
        CHECK(std::abs(agent.at("clock_offset_us").get<double>()) <=
              agent.at("clock_uncertainty_us").get<double>() + 1);
    }
}

}  // namespace

TEST_CASE("an agent in a network namespace of its own takes part", "[fleet][skippable]") {
    const Namespace space;
    if (!space.is_made()) QCK_SKIP("network namespaces need root and `ip netns`");
    check(run_over(space));
}

TEST_CASE(
    "delay and loss on the way to an agent show in the uncertainty of its clock, and lose "
    "nothing",
    "[fleet][skippable]") {
    const Namespace space;
    if (!space.is_made()) QCK_SKIP("network namespaces need root and `ip netns`");
    if (!space.impair()) QCK_SKIP("this kernel has no netem (sch_netem)");
    const json report = run_over(space);
    check(report);
    const json& far = report.at("generator").at("agents").at(0);
    CHECK(far.at("clock_uncertainty_us").get<double>() >= 5'000);
}
