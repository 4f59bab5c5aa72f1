#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/net/fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::test {

/// A `qck …` in a child process that ends with its object, and with the test.
class QckProcess {
public:
    struct Shell {};
    static constexpr Shell shell{};

    QckProcess(std::vector<std::string> words, std::vector<std::string> variables = {})
        : QckProcess(QCK_PROGRAM, with_name(std::move(words)), std::move(variables)) {}
    /// A command of the shell that becomes qck.
    QckProcess(Shell, const std::string& command, std::vector<std::string> variables)
        : QckProcess("/bin/sh", {"sh", "-c", command}, std::move(variables)) {}
    ~QckProcess() {
        if (child_ <= 0) return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    QckProcess(const QckProcess&) = delete;
    QckProcess& operator=(const QckProcess&) = delete;

    pid_t pid() const { return child_; }
    void signal(int number) const { ::kill(child_, number); }

    /// HOST:PORT of `agent=HOST:PORT`, or of another name, in the line that says it is ready.
    std::string ready_address(const std::string& name = "agent") {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        std::string& line = ready_line_;
        while (line.find('\n') == std::string::npos && std::chrono::steady_clock::now() < until) {
            pollfd readable{output_.get(), POLLIN, 0};
            ::poll(&readable, 1, 100);
            char bytes[256];
            const auto got = readable.revents == 0 ? 0 : ::read(output_.get(), bytes, sizeof bytes);
            if (readable.revents != 0 && got <= 0) break;
            line.append(bytes, static_cast<std::size_t>(got));
        }
        const auto at = line.find(name + "=");
        REQUIRE(at != std::string::npos);
        const auto begin = at + name.size() + 1;
        return line.substr(begin, line.find_first_of(" \n", begin) - begin);
    }

    /// Its exit code, or 128 + the signal that ended it; -1 when it runs after `within`.
    int wait_for_exit(std::chrono::milliseconds within) {
        int status = 0;
        if (!test::within(within, [&] { return ::waitpid(child_, &status, WNOHANG) == child_; })) {
            return -1;
        }
        child_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    std::filesystem::path log() const { return directory_.path() / "err"; }

private:
    static std::vector<std::string> with_name(std::vector<std::string> words) {
        words.insert(words.begin(), "qck");
        return words;
    }
    QckProcess(const char* program, std::vector<std::string> words,
               std::vector<std::string> variables) {
        variables.emplace_back("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
        const auto pointers = [](std::vector<std::string>& texts) {
            std::vector<char*> all;
            for (auto& text : texts) all.push_back(text.data());
            all.push_back(nullptr);
            return all;
        };
        const auto arguments = pointers(words);
        const auto environment = pointers(variables);
        const std::string log = (directory_.path() / "err").string();
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        output_ = net::Fd(ends[0]);
        const net::Fd input(ends[1]);
        const net::Fd errors(::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        child_ = ::fork();
        REQUIRE(child_ >= 0);
        if (child_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(input.get(), STDOUT_FILENO);
        ::dup2(errors.get(), STDERR_FILENO);
        ::execve(program, arguments.data(), environment.data());
        ::_exit(127);
    }

    TemporaryDirectory directory_;
    net::Fd output_;
    std::string ready_line_;
    pid_t child_ = -1;
};

}  // namespace qck::test
