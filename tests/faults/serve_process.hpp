#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/net/address.hpp"
#include "base/net/fd.hpp"
#include "tests/support/catch.hpp"

namespace qck::test {

/// A real `qck serve` in a child process on free ports. Ends with its object, and with the test.
class ServeProcess {
public:
    /// Started, not waited for. What it says on stderr is added to `log`. At most `files_max` open
    /// files when that is not 0.
    ServeProcess(const std::filesystem::path& data_dir, const std::filesystem::path& log,
                 const std::vector<std::string>& flags, rlim_t files_max = 0)
        : log_(log) {
        std::vector<std::string> words{QCK_PROGRAM, "serve", "--data-dir", data_dir.string()};
        for (const char* flag : {"--listen", "--api", "--ingest", "--admin"}) {
            words.insert(words.end(), {flag, "127.0.0.1:0"});
        }
        words.insert(words.end(), flags.begin(), flags.end());
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);

        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        output_ = net::Fd(ends[0]);
        net::Fd input(ends[1]);
        const net::Fd errors(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
        child_ = ::fork();
        REQUIRE(child_ >= 0);
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const rlimit files{files_max, files_max};
            if (files_max != 0) ::setrlimit(RLIMIT_NOFILE, &files);
            ::dup2(input.get(), STDOUT_FILENO);
            ::dup2(errors.get(), STDERR_FILENO);
            ::execv(QCK_PROGRAM, arguments.data());
            ::_exit(127);
        }
    }
    ~ServeProcess() {
        if (child_ > 0) kill();
    }
    ServeProcess(const ServeProcess&) = delete;
    ServeProcess& operator=(const ServeProcess&) = delete;

    /// Reads the line that says it is ready.
    void wait_until_ready() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (line_.find('\n') == std::string::npos) {
            pollfd readable{output_.get(), POLLIN, 0};
            ::poll(&readable, 1, 100);
            char buffer[512];
            const auto got =
                readable.revents == 0 ? 0 : ::read(output_.get(), buffer, sizeof buffer);
            if (got > 0) line_.append(buffer, static_cast<std::size_t>(got));
            const bool ended = readable.revents != 0 && got <= 0;
            if (ended || std::chrono::steady_clock::now() > deadline) FAIL("not ready: " + words());
        }
    }

    /// `redirect`, `api`, `ingest` or `admin`, as HOST:PORT.
    std::string address(const std::string& listener) const {
        const auto at = line_.find(listener + "=");
        REQUIRE(at != std::string::npos);
        const auto begin = at + listener.size() + 1;
        return line_.substr(begin, line_.find_first_of(" \n", begin) - begin);
    }

    pid_t pid() const { return child_; }
    /// kill -9.
    void kill() {
        ::kill(child_, SIGKILL);
        ::waitpid(std::exchange(child_, -1), nullptr, 0);
    }
    /// SIGTERM; it must drain and exit with 0.
    void stop() {
        ::kill(child_, SIGTERM);
        int status = 0;
        REQUIRE(::waitpid(std::exchange(child_, -1), &status, 0) > 0);
        INFO(words());
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
    }

private:
    std::string words() const {
        std::ifstream in(log_);
        const std::string all(std::istreambuf_iterator<char>(in), {});
        return all.substr(all.size() - std::min<std::size_t>(all.size(), 2000));
    }

    std::filesystem::path log_;
    net::Fd output_;
    pid_t child_ = -1;
    std::string line_;
};

}  // namespace qck::test
