#include "loadgen/fleet/agent.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "base/cpu.hpp"
#include "base/log.hpp"
#include "base/net/address.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/fleet_token.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/local_addresses.hpp"
#include "cli/commands/options.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::commands {
namespace {

constexpr const char* agent_command = "qck agent";

struct AgentOptions {
    std::string listen;
    std::string join;
    std::string name;
    std::uint32_t threads = 0;  ///< 0: chosen from the CPUs
    std::vector<int> pin;
    std::vector<net::Address> local_addresses;
    std::string token;
    std::string token_file;
    std::string ca_file;
    bool allow_public = false;
    bool once = false;
    bool quiet = false;
    std::string tls_certificate;
    std::string tls_key;
    std::string tls_ca;
};

std::string host_name() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    return name.data();
}

struct Place {
    std::string host;
    std::uint16_t port = 0;
};

/// The parts of --join, whose host may be a name.
Result<Place> place_of(const std::string& text) {
    const auto colon = text.rfind(':');
    const std::string digits = colon == std::string::npos ? "" : text.substr(colon + 1);
    const auto port = whole_number(std::uint16_t{1})(digits);
    if (!port || colon == 0) {
        return misused("--join: '" + text +
                       "' is not HOST:PORT of a coordinator (try "
                       "coordinator:7070)");
    }
    return Place{text.substr(0, colon), *port};
}

Result<void> check(const AgentOptions& options) {
    if (options.listen.empty() == options.join.empty()) {
        return misused(
            "give either --listen HOST:PORT, to be dialled, or --join HOST:PORT, to dial "
            "a coordinator");
    }
    if (options.tls_certificate.empty() != options.tls_key.empty()) {
        return misused("--tls-cert and --tls-key need each other");
    }
    if (!options.tls_certificate.empty() && options.listen.empty()) {
        return misused("--tls-cert is for --listen (with --join it is --tls-ca)");
    }
    if (!options.tls_ca.empty() && options.join.empty()) {
        return misused("--tls-ca is for --join (with --listen it is --tls-cert)");
    }
    return {};
}

fleet::AgentConfig config_of(const AgentOptions& options) {
    const std::size_t cpus = options.pin.empty() ? allowed_cpus().size() : options.pin.size();
    fleet::AgentConfig config;
    config.name = options.name.empty() ? host_name() : options.name;
    config.once = options.once;
    config.load.threads = options.threads != 0
                              ? options.threads
                              : static_cast<std::uint32_t>(std::max<std::size_t>(cpus, 1));
    config.load.cpus = options.pin;
    config.load.local_addresses = options.local_addresses;
    config.load.allow_public = options.allow_public;
    config.load.ca_file = options.ca_file;
    return config;
}

Result<void> listen(const AgentOptions& options, fleet::AgentConfig config,
                    const InterruptWatch& interrupts) {
    const auto address = net::parse_address(options.listen);
    if (!address) return misused("--listen: " + address.error().message);
    if (config.token.empty() && !address->is_loopback()) {
        return misused(
            "--listen beyond loopback needs a token (QCK_FLEET_TOKEN, or "
            "--fleet-token-file): whoever reaches an agent could offer load with it");
    }
    std::unique_ptr<net::TlsServerContext> tls;
    if (!options.tls_certificate.empty()) {
        auto context = net::TlsServerContext::load({options.tls_certificate, options.tls_key});
        if (!context) return context.error();
        tls = std::move(*context);
        config.listen_tls = tls.get();
    }
    auto listeners = net::listen_on(*address, 1);
    if (!listeners) return listeners.error();
    const auto bound = net::local_address(listeners->front().get());
    if (!bound) return bound.error();
    std::printf("ready agent=%s\n", bound->to_string().c_str());
    std::fflush(stdout);
    fleet::Agent agent(std::move(config), [&interrupts] { return interrupts.count() > 0; });
    return agent.serve(std::move(listeners->front()));
}

Result<void> join(const AgentOptions& options, fleet::AgentConfig config,
                  const InterruptWatch& interrupts) {
    const auto place = place_of(options.join);
    if (!place) return place.error();
    std::unique_ptr<net::TlsClientContext> tls;
    if (!options.tls_ca.empty()) {
        auto context = net::TlsClientContext::create({options.tls_ca, true});
        if (!context) return context.error();
        tls = std::move(*context);
        config.join_tls = tls.get();
    }
    fleet::Agent agent(std::move(config), [&interrupts] { return interrupts.count() > 0; });
    return agent.join(place->host, place->port);
}

Result<void> run(const AgentOptions& options, const InterruptWatch& interrupts) {
    if (auto good = check(options); !good) return good;
    auto token = fleet_token(options.token, options.token_file);
    if (!token) return token.error();
    if (options.quiet) log::set_quiet(true);
    fleet::AgentConfig config = config_of(options);
    config.token = *token;
    return options.listen.empty() ? join(options, std::move(config), interrupts)
                                  : listen(options, std::move(config), interrupts);
}

Exit run_agent(const AgentOptions& options) {
    const InterruptWatch interrupts;
    const auto outcome = run(options, interrupts);
    return outcome ? Exit::good : failed(agent_command, outcome.error());
}

}  // namespace

void add_agent(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<AgentOptions>();
    CLI::App* const agent =
        app.add_subcommand("agent", "Offer load for a qck bench elsewhere, one run after another");
    agent
        ->add_option("--listen", options->listen,
                     "Wait here for a coordinator (qck bench --agents)")
        ->type_name("HOST:PORT");
    agent
        ->add_option("--join", options->join,
                     "Dial a coordinator (qck bench --agents-listen), again and again")
        ->type_name("HOST:PORT");
    agent->add_option("--name", options->name, "In reports (the name of this host)");
    add_parsed(*agent, "--threads", options->threads,
               whole_number(1U, scenario::limits::threads_max),
               "Threads, unless the bench says (one a CPU)", "N");
    add_parsed(*agent, "--pin", options->pin, parse_cpu_list, "CPUs of these threads, in turn",
               "CPUS");
    agent->add_option("--fleet-token", options->token,
                      "What the bench has to know as well (better: QCK_FLEET_TOKEN)");
    add_parsed(*agent, "--fleet-token-file", options->token_file, readable_file,
               "File whose first line is that token", "FILE");
    add_parsed(*agent, "--local-address", options->local_addresses, parse_local_addresses,
               "Addresses of this machine that connections go out from, in turn", "IP,...");
    agent->add_flag("--allow-public", options->allow_public,
                    "Allow targets outside loopback and private ranges");
    add_parsed(*agent, "--ca", options->ca_file, readable_file,
               "PEM file of the authorities of targets", "FILE");
    agent->add_flag("--once", options->once, "End after one bench");
    agent->add_flag("--quiet", options->quiet, "Log nothing but warnings");
    add_parsed(*agent, "--tls-cert", options->tls_certificate, readable_file,
               "With --listen: TLS; PEM file of the certificate", "FILE");
    add_parsed(*agent, "--tls-key", options->tls_key, readable_file, "PEM file of its key", "FILE");
    add_parsed(*agent, "--tls-ca", options->tls_ca, readable_file,
               "With --join: TLS; PEM file of the authorities to trust", "FILE");
    agent->callback([options, &chosen] { chosen = [options] { return run_agent(*options); }; });
}

}  // namespace qck::commands
