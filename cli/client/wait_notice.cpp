#include "cli/client/wait_notice.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace qck::client {
namespace {

using namespace std::chrono_literals;

/// Nobody minds waiting for less.
constexpr std::chrono::seconds silence = 2s;

}  // namespace

WaitNotice::WaitNotice(std::string command, std::string for_whom,
                       std::optional<std::chrono::milliseconds> at_most)
    : command_(std::move(command)),
      for_whom_(std::move(for_whom)),
      at_most_(at_most),
      thread_([this] { run(); }) {}

WaitNotice::~WaitNotice() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void WaitNotice::run() {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    const std::string begin = command_ + ": waiting for " + for_whom_ + " (";
    std::string end = " s)";
    if (at_most_) {
        const auto most = std::chrono::ceil<std::chrono::seconds>(*at_most_).count();
        end = " s of at most " + std::to_string(most) + " s)";
    }
    std::unique_lock lock(mutex_);
    const auto is_over = [this] { return over_; };
    auto waited = silence;
    if (wake_.wait_for(lock, waited, is_over)) return;
    do {
        const std::string line = begin + std::to_string(waited.count()) + end;
        std::fprintf(stderr, terminal ? "\r%s\x1b[K" : "%s\n", line.c_str());
        if (!terminal) {
            said_ = true;
            return;
        }
        waited += 1s;
    } while (!wake_.wait_for(lock, 1s, is_over));
    std::fputs("\r\x1b[K", stderr);
}

}  // namespace qck::client
