#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/net/address.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::test {

/// Looks every few milliseconds until `condition` holds; false after the deadline.
template <class Condition>
bool wait_for(Condition condition, std::chrono::milliseconds most = std::chrono::seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + most;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

/// A real redis-server (or Sentinel) in a child process, on a free loopback port and in a directory
/// of its own. Ends with its object, and with the test.
///
///     const RedisServer server;                                    // without persistence
///     const RedisServer strict({"--requirepass", "secret"});
///     auto client = redis::BlockingClient::create(server.config());
class RedisServer {
public:
    struct Options {
        /// Words of the command line besides port, directory and no persistence.
        std::vector<std::string> flags;
        std::string program = "/usr/bin/redis-server";
        std::uint16_t port = 0;  ///< 0: a free one
    };

    explicit RedisServer(std::vector<std::string> flags = {})
        : RedisServer(with(std::move(flags))) {}
    explicit RedisServer(Options options) : options_(std::move(options)) {
        if (options_.port == 0) options_.port = free_port();
        start();
    }
    ~RedisServer() { kill(); }
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    /// Debian packages put it there; without it a test that needs it is skipped by name.
    static bool is_installed() { return ::access("/usr/bin/redis-server", X_OK) == 0; }

    std::uint16_t port() const { return options_.port; }
    std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
    std::string url() const { return "redis://" + address(); }
    redis::ClientConfig config() const {
        redis::ClientConfig config;
        config.url = *redis::parse_redis_url(url());
        return config;
    }
    pid_t pid() const { return child_; }
    const std::filesystem::path& directory() const { return directory_.path(); }

    /// kill -9. start() brings it back on the same port.
    void kill() { end(SIGKILL); }
    /// SIGTERM: it saves what it is told to save.
    void stop() { end(SIGTERM); }
    void hang() const { ::kill(child_, SIGSTOP); }
    void go_on() const { ::kill(child_, SIGCONT); }

    /// Starts it; returns when it listens.
    void start() {
        std::vector<std::string> words{options_.program};
        const bool sentinel = !options_.flags.empty() && options_.flags.front() == "--sentinel";
        if (!sentinel) {
            words.insert(words.end(),
                         {"--port", std::to_string(port()), "--bind", "127.0.0.1", "--dir",
                          directory().string(), "--save", "", "--enable-debug-command", "yes"});
            words.insert(words.end(), options_.flags.begin(), options_.flags.end());
        } else {
            words.push_back((directory() / "sentinel.conf").string());
            words.emplace_back("--sentinel");
            write_sentinel_file();
        }
        spawn(words);
        const auto at = net::parse_address(address());
        const bool listens = wait_for([&] { return accepts_connections(*at); });
        INFO(text_of_file(directory() / "log"));
        REQUIRE(listens);
    }

    /// redis-cli against this server; what it printed.
    std::string cli(std::vector<std::string> words) const {
        words.insert(words.begin(), {"-h", "127.0.0.1", "-p", std::to_string(port())});
        return run_program("/usr/bin/redis-cli", words).out;
    }

private:
    static Options with(std::vector<std::string> flags) {
        Options options;
        options.flags = std::move(flags);
        return options;
    }

    static bool accepts_connections(const net::Address& at) {
        const net::Fd fd(::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(fd.get(), at.data(), at.length) == 0;
    }

    /// The flags after `--sentinel` are the lines of its file, which it wants to write to.
    void write_sentinel_file() {
        const auto file = directory() / "sentinel.conf";
        if (std::filesystem::exists(file)) return;
        std::ofstream out(file);
        out << "port " << port() << "\nbind 127.0.0.1\ndir " << directory().string() << "\n";
        for (std::size_t i = 1; i < options_.flags.size(); ++i) out << options_.flags[i] << "\n";
    }

    void spawn(std::vector<std::string>& words) {
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        const std::string log = (directory() / "log").string();
        child_ = ::fork();
        REQUIRE(child_ >= 0);
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
            ::dup2(out, STDOUT_FILENO);
            ::dup2(out, STDERR_FILENO);
            ::execv(arguments[0], arguments.data());
            ::_exit(127);
        }
    }

    void end(int signal) {
        if (child_ <= 0) return;
        ::kill(child_, signal);
        ::kill(child_, SIGCONT);
        ::waitpid(std::exchange(child_, -1), nullptr, 0);
    }

    Options options_;
    TemporaryDirectory directory_;
    pid_t child_ = -1;
};

inline std::unique_ptr<redis::BlockingClient> make_client(const redis::ClientConfig& config) {
    auto client = redis::BlockingClient::create(config);
    REQUIRE(client.has_value());
    return std::move(*client);
}

/// The text of a reply, or of the error.
inline std::string text_of(const Result<redis::Reply>& reply) {
    return reply ? std::string(reply->text()) : reply.error().message;
}

}  // namespace qck::test
