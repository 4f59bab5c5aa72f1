#include "cli/commands/embedded_service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/net/fd.hpp"
#include "cli/commands/start_self.hpp"

namespace qck::commands {
namespace {

constexpr std::chrono::seconds ready_within{20};
constexpr std::chrono::seconds drained_within{60};
/// Whoever has pressed Ctrl-C is not kept waiting for a minute.
constexpr std::chrono::seconds drained_when_interrupted{5};

std::string comma_list(const std::vector<int>& cpus) {
    std::string text;
    for (const int cpu : cpus) text += (text.empty() ? "" : ",") + std::to_string(cpu);
    return text;
}

}  // namespace

Result<EmbeddedService> EmbeddedService::start(const ServicePlace& place,
                                               InterruptWatch& interrupts) {
    EmbeddedService service(interrupts);
    std::error_code failure;
    std::string directory = (std::filesystem::temp_directory_path(failure) / "qck-XXXXXX").string();
    if (failure || ::mkdtemp(directory.data()) == nullptr) {
        return io_error("cannot make a temporary directory " + directory, errno);
    }
    service.directory_ = directory;
    interrupts.owns(-1, service.directory_);
    service.data_dir_ = service.directory_ / "data";

    std::vector<std::string> arguments{"qck", "serve", "--quiet"};
    for (const char* listener : {"--listen", "--api", "--ingest", "--admin"}) {
        arguments.insert(arguments.end(), {listener, "127.0.0.1:0"});
    }
    arguments.insert(arguments.end(), {"--data-dir", service.data_dir_.string()});
    if (!place.cpus.empty()) {
        arguments.insert(arguments.end(), {"--threads", std::to_string(place.cpus.size()), "--pin",
                                           comma_list(place.cpus)});
    }
    if (place.shared) {
        arguments.insert(arguments.end(), {"--steer-by-cpu", "--busy-poll", "0s"});
    }
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) return io_error("cannot make a pipe", errno);
    const net::Fd read_end(pipe[0]);
    net::Fd write_end(pipe[1]);
    const std::string log = service.directory_ / "serve.log";
    const net::Fd log_file(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    SelfStart start;
    start.words = std::move(arguments);
    start.output = write_end.get();
    start.errors = log_file.get();
    const auto child = start_self(std::move(start));
    if (!child) return child.error();
    service.child_ = *child;
    interrupts.owns(service.child_, service.directory_);
    write_end.reset();
    if (auto ready = service.read_ready_line(read_end.get()); !ready) return ready.error();
    return service;
}

Result<void> EmbeddedService::read_ready_line(int output) {
    std::string line;
    const std::int64_t until = monotonic_ns() + std::chrono::nanoseconds(ready_within).count();
    while (line.find('\n') == std::string::npos) {
        pollfd wait{output, POLLIN, 0};
        const std::int64_t left_ms = (until - monotonic_ns()) / 1'000'000;
        if (left_ms <= 0) {
            return error(Errc::timed_out,
                         "the embedded qck serve was not ready within 20 s" + last_words());
        }
        if (interrupts_->count() > 0) {
            return error(Errc::unavailable, "interrupted while the embedded qck serve started");
        }
        if (::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left_ms, 20))) == 0) continue;
        char bytes[512];
        const ssize_t got = ::read(output, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            return error(Errc::unavailable, "the embedded qck serve did not start" + last_words());
        }
        line.append(bytes, static_cast<std::size_t>(got));
    }
    std::istringstream words(line);
    for (std::string word; words >> word;) {
        const auto equals = word.find('=');
        const std::string name = word.substr(0, equals);
        if (name == "redirect") redirect_ = word.substr(equals + 1);
        if (name == "api") api_ = word.substr(equals + 1);
        if (name == "admin") admin_ = word.substr(equals + 1);
    }
    if (redirect_.empty() || api_.empty()) {
        return error(Errc::internal, "the embedded qck serve said '" + line + "'");
    }
    return {};
}

/// The last line of its log, as the end of a message.
std::string EmbeddedService::last_words() const {
    std::ifstream log(directory_ / "serve.log");
    std::string last;
    for (std::string line; std::getline(log, line);) {
        if (!line.empty()) last = line;
    }
    return last.empty() ? "" : ": " + last;
}

std::optional<int> EmbeddedService::wait_for_exit(std::chrono::milliseconds span,
                                                  bool until_interrupted) {
    const std::int64_t until = monotonic_ns() + std::chrono::nanoseconds(span).count();
    const int signals = interrupts_->count();
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(child_, &status, WNOHANG);
        if (ended == child_ || (ended < 0 && errno == ECHILD)) {
            child_ = -1;
            interrupts_->owns(-1, directory_);
            return status;
        }
        if (monotonic_ns() >= until) return std::nullopt;
        if (until_interrupted && interrupts_->count() > signals) return std::nullopt;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

Result<void> EmbeddedService::check_alive() {
    if (child_ < 0) return {};
    const auto status = wait_for_exit(std::chrono::milliseconds(0), false);
    if (!status) return {};
    const std::string how = WIFSIGNALED(*status)
                                ? "was ended by signal " + std::to_string(WTERMSIG(*status))
                                : "exited with " + std::to_string(WEXITSTATUS(*status));
    return error(Errc::unavailable,
                 "the embedded qck serve " + how + " during the run" + last_words());
}

Result<void> EmbeddedService::drain() {
    if (child_ < 0) return {};
    const int signals = interrupts_->count();
    const auto within = signals > 0 ? drained_when_interrupted : drained_within;
    ::kill(child_, SIGTERM);
    const auto status = wait_for_exit(within, true);
    if (!status) {
        return error(Errc::timed_out, interrupts_->count() > signals
                                          ? "interrupted while the embedded qck serve drained"
                                          : "the embedded qck serve did not end within " +
                                                std::to_string(within.count()) + " s");
    }
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
        return error(Errc::internal, "the embedded qck serve failed" + last_words());
    }
    return {};
}

EmbeddedService::EmbeddedService(EmbeddedService&& other) noexcept
    : interrupts_(other.interrupts_),
      child_(std::exchange(other.child_, -1)),
      directory_(std::exchange(other.directory_, {})),
      data_dir_(std::move(other.data_dir_)),
      redirect_(std::move(other.redirect_)),
      api_(std::move(other.api_)),
      admin_(std::move(other.admin_)) {}

EmbeddedService::~EmbeddedService() {
    if (child_ > 0) {
        ::kill(child_, SIGKILL);
        wait_for_exit(std::chrono::seconds(5), false);
    }
    std::error_code ignored;
    if (directory_.empty()) return;
    std::filesystem::remove_all(directory_, ignored);
    interrupts_->owns(-1, {});
}

}  // namespace qck::commands
