#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "base/net/fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::test {

/// A real nginx of one process on a free loopback port, in a directory of its own. Ends with its
/// object, and with the test.
///
///     const NginxServer nginx("", "location / { return 302 https://example.com/; }");
///     nginx.url("/viral");
class NginxServer {
public:
    /// `http` and `server` stand in the blocks of these names; `access.log` in `http` is a file in
    /// directory().
    NginxServer(const std::string& http, const std::string& server) : port_(free_port()) {
        std::ofstream(directory_.path() / "nginx.conf")
            << "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr crit;\n"
            << "events { worker_connections 4096; }\nhttp {\n"
            << (http.find("access_log") == std::string::npos ? "access_log off;\n" : "")
            << "keepalive_requests 1000000000;\nclient_body_temp_path body;\n"
            << "proxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\n"
            << "scgi_temp_path scgi;\n"
            << http << "\nserver { listen 127.0.0.1:" << port_ << ";\n"
            << server << "\n}\n}\n";
        start();
    }
    ~NginxServer() { stop(); }
    NginxServer(const NginxServer&) = delete;
    NginxServer& operator=(const NginxServer&) = delete;

    static bool is_installed() { return ::access(program, X_OK) == 0; }

    std::uint16_t port() const { return port_; }
    std::string url(const std::string& path = "/") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    pid_t pid() const { return child_; }
    const std::filesystem::path& directory() const { return directory_.path(); }
    /// SIGQUIT: what is open is answered, and logs are whole.
    void stop() {
        if (child_ <= 0) return;
        ::kill(child_, SIGQUIT);
        ::waitpid(std::exchange(child_, -1), nullptr, 0);
    }

private:
    static constexpr const char* program = "/usr/sbin/nginx";

    bool accepts_connections() const {
        const net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }

    void start() {
        const std::string log = (directory_.path() / "log").string();
        const std::string prefix = directory_.path().string() + "/";
        child_ = ::fork();
        REQUIRE(child_ >= 0);
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
            ::dup2(out, STDOUT_FILENO);
            ::dup2(out, STDERR_FILENO);
            ::execl(program, program, "-p", prefix.c_str(), "-c", "nginx.conf", nullptr);
            ::_exit(127);
        }
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        bool listens = accepts_connections();
        while (!listens && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            listens = accepts_connections();
        }
        INFO(text_of_file(log));
        REQUIRE(listens);
    }

    TemporaryDirectory directory_;
    std::uint16_t port_;
    pid_t child_ = -1;
};

}  // namespace qck::test
