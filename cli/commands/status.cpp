#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/status_view.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr std::size_t instances_max = 64;
constexpr auto between_readings = 1s;
/// Of one instance; one that hangs must not hold up the others for long.
constexpr std::chrono::milliseconds answer_max = 2s;

struct StatusOptions {
    std::vector<client::ServiceUrl> admins{*client::parse_admin_url("http://127.0.0.1:9090")};
    bool watch = false;
    bool json = false;
};

Result<std::vector<client::ServiceUrl>> parse_admins(std::string_view text) {
    std::vector<client::ServiceUrl> admins;
    while (true) {
        const auto comma = std::min(text.find(','), text.size());
        auto url = client::parse_admin_url(text.substr(0, comma));
        if (!url) return url.error();
        const bool again = std::any_of(admins.begin(), admins.end(),
                                       [&](const auto& other) { return other.text == url->text; });
        if (again) return error(Errc::invalid_argument, "'" + url->text + "' is there twice");
        admins.push_back(std::move(*url));
        if (comma == text.size()) break;
        text.remove_prefix(comma + 1);
    }
    if (admins.size() > instances_max) {
        return error(Errc::invalid_argument, "more than 64 instances");
    }
    return admins;
}

/// The instances, each asked over a connection of its own, all at once.
class Instances {
public:
    explicit Instances(const std::vector<client::ServiceUrl>& admins) {
        for (const auto& admin : admins) {
            client::RestConfig config;
            config.listener = client::RestConfig::Listener::admin;
            config.service = admin;
            config.unreachable_hint = "start one with `qck serve`, or set --admin";
            config.connect_timeout = config.request_timeout = answer_max;
            clients_.emplace_back(std::move(config));
        }
    }
    std::vector<StatusReading> read() {
        std::vector<StatusReading> readings(clients_.size());
        std::vector<std::thread> threads;
        // NOLINTNEXTLINE(modernize-loop-convert): the captures need the index
        for (std::size_t at = 0; at < clients_.size(); ++at) {
            threads.emplace_back([this, at, &reading = readings[at]] {
                ask(clients_[at], reading);
                reading.at_ns = monotonic_ns();
            });
        }
        for (auto& thread : threads) thread.join();
        return readings;
    }

private:
    static void ask(client::RestClient& client, StatusReading& reading) {
        const auto answer = client.call("GET", "/v1/status");
        if (!answer) {
            reading.failure = answer.error().message;
            return;
        }
        reading.status = Json::parse(answer->body, nullptr, false);
        if (!reading.status.is_object()) reading.failure = "the answer is no status";
    }
    std::vector<client::RestClient> clients_;
};

/// While it lives, keys come at once and are not shown.
class KeyReader {
public:
    KeyReader() {
        if (::isatty(STDIN_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    ~KeyReader() {
        if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    KeyReader(const KeyReader&) = delete;
    KeyReader& operator=(const KeyReader&) = delete;

    /// Whether q was pressed within that time.
    bool quit_within(std::chrono::milliseconds wait) const {
        if (!active_) {
            std::this_thread::sleep_for(wait);
            return false;
        }
        pollfd keys{STDIN_FILENO, POLLIN, 0};
        if (::poll(&keys, 1, static_cast<int>(wait.count())) <= 0) return false;
        char key = 0;
        return ::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q';
    }

private:
    termios before_{};
    bool active_ = false;
};

Json to_json(const std::vector<client::ServiceUrl>& admins,
             const std::vector<StatusReading>& readings, const render::StatusView& view) {
    Json instances = Json::array();
    for (std::size_t at = 0; at < readings.size(); ++at) {
        Json one{{"admin", admins[at].text}, {"up", readings[at].up()}};
        if (readings[at].up()) {
            one["status"] = readings[at].status;
        } else {
            one["error"] = readings[at].failure;
        }
        instances.push_back(std::move(one));
    }
    Json stores = Json::array();
    for (const auto& store : view.stores) {
        stores.push_back({{"store", store.name},
                          {"state", render::state_name(store)},
                          {"away", store.away},
                          {"why", store.why},
                          {"lag_s", store.lag_s},
                          {"pending", store.pending},
                          {"delivered_per_s", store.delivered_per_s},
                          {"failures", store.failures},
                          {"next_try_s", store.next_try_s ? Json(*store.next_try_s) : Json()}});
    }
    return {{"instances_up", view.up()},
            {"redirects_per_s", view.redirects_per_s},
            {"p99_us", view.p99_us ? Json(*view.p99_us) : Json()},
            {"errors_per_s", view.errors_per_s},
            {"stores", std::move(stores)},
            {"instances", std::move(instances)}};
}

/// Draws a screen over the one before it.
class Screen {
public:
    explicit Screen(render::Terminal terminal) : terminal_(terminal) {}
    void show(const render::StatusView& view) {
        std::string out;
        if (lines_ > 0) out = "\x1b[" + std::to_string(lines_) + "A";
        lines_ = 0;
        for (const char c : render::status_screen(view, terminal_)) {
            if (c == '\n') {
                out += "\x1b[K";
                ++lines_;
            }
            out += c;
        }
        out += "\x1b[J";
        std::fwrite(out.data(), 1, out.size(), stdout);
    }

private:
    render::Terminal terminal_;
    int lines_ = 0;
};

/// What is not well, for those who do not look at a screen.
void complain(const render::StatusView& view) {
    for (const auto& store : view.stores) {
        if (!store.away && !store.degraded) continue;
        std::fprintf(stderr, "qck status: %s is %s%s%s\n", store.name.c_str(),
                     render::state_name(store), store.why.empty() ? "" : ": ",
                     render::reason_text(store).c_str());
    }
}

/// A store that is degraded does what it is asked.
Exit exit_of(const render::StatusView& view) {
    if (view.up() == 0) return Exit::could_not_run;
    const bool all_there =
        view.down.empty() && std::none_of(view.stores.begin(), view.stores.end(),
                                          [](const auto& store) { return store.away; });
    return all_there ? Exit::good : Exit::check_failed;
}

Exit once(const StatusOptions& options, const render::Terminal& terminal) {
    Instances instances(options.admins);
    const auto before = instances.read();
    const bool none = std::none_of(before.begin(), before.end(),
                                   [](const StatusReading& reading) { return reading.up(); });
    if (none) {
        for (const StatusReading& reading : before) {
            std::fprintf(stderr, "qck status: %s\n", reading.failure.c_str());
        }
        return Exit::could_not_run;
    }
    std::this_thread::sleep_for(between_readings);
    const auto now = instances.read();
    const auto view = status_view(before, now);
    const std::string text = options.json ? to_json(options.admins, now, view).dump(2) + "\n"
                                          : render::status_screen(view, terminal);
    std::fputs(text.c_str(), stdout);
    const bool screen_seen = ::isatty(STDOUT_FILENO) == 1 && !options.json;
    if (!screen_seen) complain(view);
    return exit_of(view);
}

Exit watch(const StatusOptions& options, const render::Terminal& terminal) {
    const InterruptWatch interrupts;
    const KeyReader keys;
    Instances instances(options.admins);
    Screen screen(terminal);
    auto before = instances.read();
    while (true) {
        const std::int64_t until_ns =
            monotonic_ns() + std::chrono::nanoseconds(between_readings).count();
        while (monotonic_ns() < until_ns) {
            if (interrupts.count() > 0 || keys.quit_within(50ms)) return Exit::good;
        }
        auto now = instances.read();
        const auto view = status_view(before, now);
        if (options.json) {
            std::printf("%s\n", to_json(options.admins, now, view).dump().c_str());
        } else if (terminal.redraws) {
            screen.show(view);
        } else {
            std::fputs(render::status_line(view, wall_ms()).c_str(), stdout);
        }
        // Whoever read it has gone.
        if (std::fflush(stdout) != 0) return Exit::good;
        before = std::move(now);
    }
}

Exit run_status(const StatusOptions& options) {
    const auto terminal = render::terminal_of(STDOUT_FILENO, render::terminal_settings());
    return options.watch ? watch(options, terminal) : once(options, terminal);
}

}  // namespace

void add_status_command(CLI::App& app, Chosen& chosen) {
    auto options = std::make_shared<StatusOptions>();
    CLI::App* const command = app.add_subcommand(
        "status",
        "One screen: instances, redirects/s, caches, modes, stores with their lag; exit 1 when an "
        "instance or a store is away (a store that lost nodes which others replace is DEGRADED: "
        "0)");
    add_parsed(*command, "--admin", options->admins, parse_admins,
               "Admin listeners of the instances (http://127.0.0.1:9090)", "URL[,URL...]");
    command->add_flag("--watch", options->watch,
                      "Every second, until q or Ctrl-C: redrawn on a terminal, else a line each");
    command->add_flag("--json", options->json, "Print it as JSON");
    command->callback([options, &chosen] { chosen = [options] { return run_status(*options); }; });
}

}  // namespace qck::commands
