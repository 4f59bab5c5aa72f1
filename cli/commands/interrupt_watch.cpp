#include "cli/commands/interrupt_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <system_error>
#include <utility>

#include "base/cpu.hpp"
#include "cli/commands/command.hpp"

namespace qck::commands {
namespace {

/// From the second signal: time to write the report of what ran.
constexpr int grace_ms = 1'000;

sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

}  // namespace

InterruptWatch::InterruptWatch() {
    const sigset_t signals = stop_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, &mask_before_);
    signals_ = net::Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    ended_ = net::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!signals_ || !ended_) {
        // Without descriptors there is nothing to watch with; signals then end us as they used to.
        ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
        return;
    }
    thread_ = std::thread([this] {
        name_thread("qck-signals");
        watch();
    });
}

InterruptWatch::~InterruptWatch() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = ::write(ended_.get(), &one, sizeof one);
    thread_.join();
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void InterruptWatch::ask() {
    int none = 0;
    if (count_.compare_exchange_strong(none, 1)) count_.notify_all();
}

void InterruptWatch::wait() const {
    if (thread_.joinable()) count_.wait(0);
}

void InterruptWatch::owns(pid_t child, std::filesystem::path directory) {
    const std::lock_guard lock(mutex_);
    child_ = child;
    directory_ = std::move(directory);
}

void InterruptWatch::watch() {
    pollfd ready[2]{{ended_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    for (;;) {
        const int count = ::poll(ready, 2, count_.load() < 2 ? -1 : grace_ms);
        if (count == 0) abandon();
        if (count > 0 && ready[0].revents != 0) return;
        // One at a time: two signals that come together are two.
        signalfd_siginfo signal{};
        if (::read(signals_.get(), &signal, sizeof signal) != sizeof signal) continue;
        if (count_.fetch_add(1) >= 2) abandon();
        count_.notify_all();
    }
}

void InterruptWatch::abandon() {
    const std::lock_guard lock(mutex_);
    if (child_ > 0) {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
    ::_exit(static_cast<int>(Exit::run_invalid));
}

}  // namespace qck::commands
