#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cli/commands/interrupt_watch.hpp"

namespace qck::commands {

/// Where an embedded service runs.
struct ServicePlace {
    std::vector<int> cpus;  ///< empty: no matter
    /// The generator is on them too: each connection of a reader then has both its ends on one CPU,
    /// and no thread of the service takes CPU by polling.
    bool shared = false;
};

/// A `qck serve` in a child process, on free ports of loopback, with a data directory of its own
/// that goes when this object does.
///
/// The child is this program again. It hears no Ctrl-C (it is in its own process group) and ends
/// when this process ends, however that ends. Belongs to the thread that starts it.
class EmbeddedService {
public:
    /// Starts it and waits until it is ready. What it makes is named to `interrupts`, which
    /// outlives it; a signal ends the wait.
    static Result<EmbeddedService> start(const ServicePlace& place, InterruptWatch& interrupts);
    EmbeddedService(EmbeddedService&& other) noexcept;
    EmbeddedService& operator=(EmbeddedService&&) = delete;
    ~EmbeddedService();

    /// `HOST:PORT`.
    const std::string& redirect() const { return redirect_; }
    const std::string& api() const { return api_; }
    const std::string& admin() const { return admin_; }
    const std::filesystem::path& data_dir() const { return data_dir_; }
    /// -1 when it has ended.
    pid_t process() const { return child_; }

    /// Fails, saying how, when it has ended by itself.
    Result<void> check_alive();
    /// Lets it finish what was asked and end. Fails when it ended otherwise or not within a minute
    /// (five seconds when a signal came before), and at once when a signal comes meanwhile.
    Result<void> drain();

private:
    explicit EmbeddedService(InterruptWatch& interrupts) : interrupts_(&interrupts) {}
    Result<void> read_ready_line(int output);
    std::string last_words() const;
    /// The status as of waitpid; nothing while it runs after `span`, or when a signal came.
    std::optional<int> wait_for_exit(std::chrono::milliseconds span, bool until_interrupted);

    InterruptWatch* interrupts_;
    pid_t child_ = -1;
    std::filesystem::path directory_;
    std::filesystem::path data_dir_;
    std::string redirect_;
    std::string api_;
    std::string admin_;
};

}  // namespace qck::commands
