#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/net/address.hpp"
#include "cli/client/rest_client.hpp"
#include "loadgen/replay/log_line.hpp"
#include "loadgen/report/slo.hpp"
#include "loadgen/scenario/plan.hpp"
#include "loadgen/search/capacity_search.hpp"

namespace qck::commands {

enum class BenchMode : std::uint8_t { viral, run, constant, max, search, orchestrator, replay };

/// Which agents are to offer the load.
struct FleetOptions {
    std::vector<std::string> dial;  ///< HOST:PORT of agents that wait to be dialled
    std::size_t count = 0;          ///< so many that are started here, or that dial in
    std::string listen;  ///< HOST:PORT where agents dial in; empty: they are started here
    std::chrono::nanoseconds within = std::chrono::seconds(30);
    std::string token;
    std::string token_file;
    std::string ca_file;           ///< agents are dialled by TLS
    std::string certificate_file;  ///< agents dial in by TLS
    std::string key_file;

    bool any() const { return count > 0 || !dial.empty(); }
    /// Started here; false as well when there are none.
    bool local() const { return count > 0 && listen.empty(); }
};

/// The users of `orchestrator`.
struct CrowdOptions {
    std::optional<std::uint32_t> users;  ///< in all; empty: as many as read and write
    std::optional<std::uint32_t> read_users;
    std::optional<std::uint32_t> write_users;
    double read_rate_per_s = 20;  ///< of each
    double write_rate_per_s = 20;
    double spawn_per_s = 1'000;
    std::optional<std::uint32_t> processes;
};

/// The flags of `qck bench …` as given; what was not given is empty, and the scenario decides.
struct BenchOptions {
    BenchMode mode = BenchMode::viral;
    std::string scenario_file;  ///< of `run`; of `search` where requests are to vary
    std::string log_file;       ///< of `replay`
    std::optional<replay::LogFormat> log_format;
    double speed = 1;    ///< of `replay`
    std::string target;  ///< URL; empty: the service on the default ports
    std::string api = "http://127.0.0.1:8081";
    bool api_typed = false;  ///< then missing links are added there for a --target, too
    client::ServiceUrl admin = *client::parse_admin_url("http://127.0.0.1:9090");
    bool admin_typed = false;  ///< then a --target says there how requests arrived, too
    std::string token;
    bool serve = false;
    std::optional<double> rate_per_s;
    std::optional<std::chrono::nanoseconds> duration;
    std::optional<std::uint32_t> connections;
    std::optional<std::uint32_t> pipeline;
    std::optional<std::chrono::nanoseconds> timeout;
    std::optional<std::uint64_t> seed;
    bool poisson = false;
    double compress = 1;
    bool strict = false;
    std::uint32_t threads = 0;  ///< 0: chosen from the CPUs
    std::vector<int> pin;
    /// Of this machine; connections go out from them in turn. Empty: the system decides.
    std::vector<net::Address> local_addresses;
    bool allow_public = false;
    bool insecure = false;
    std::string ca_file;
    FleetOptions fleet;
    CrowdOptions crowd;
    std::vector<report::Slo> objectives;
    search::SearchSettings search;  ///< of `search`
    std::string count_url;          ///< where the target says how many clicks it has counted
    std::string count_command;      ///< or what prints that
    std::string count_pointer;
    std::chrono::nanoseconds count_within = std::chrono::seconds(10);
    std::uint32_t repeat = 1;  ///< runs, one after another
    std::string metrics;       ///< HOST:PORT where a run in flight is told of; empty: nowhere
    std::string ui;            ///< HOST:PORT where a run can be watched; empty: nowhere
    std::string out;
    bool json = false;
    bool quiet = false;
};

/// `viral`, `run`, `constant`, `max`, `search`, `orchestrator` or `replay`.
const char* mode_name(BenchMode mode);

/// The plan that these flags ask for, at its nominal rates; its requests are not yet pointed at a
/// target. Errors name the flag or the file.
Result<scenario::Plan> plan_of(const BenchOptions& options);

/// The paths are those of a scenario file or a log, and come after the target's path.
bool has_paths(const BenchOptions& options);

/// Points the plan's requests at the path of a target URL: `viral` takes the last part of the path
/// for its link; a scenario file has it put in front of its own paths; the others ask for the
/// path as it stands.
void aim_at_path(scenario::Plan& plan, const BenchOptions& options, const std::string& path);

}  // namespace qck::commands
