#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/free_port.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::test {

/// A ZooKeeper of the distribution's jars, alone, on a free port of the loopback. Killed with the
/// fixture. Where it is not installed, installed() is false.
class ZookeeperServer {
public:
    ZookeeperServer() : port_(free_port()) {
        const std::string path = directory_.path().string();
        std::ofstream(directory_.path() / "zoo.cfg")
            << "tickTime=500\ndataDir=" << path << "/data\nclientPort=" << port_
            << "\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n";
        const std::string file = path + "/zoo.cfg";
        const std::string log = path + "/log";
        child_ = ::fork();
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
            ::dup2(out, STDOUT_FILENO);
            ::dup2(out, STDERR_FILENO);
            ::execlp("java", "java", "-Xmx256m", "-cp", "/etc/zookeeper/conf:/usr/share/java/*",
                     "org.apache.zookeeper.server.quorum.QuorumPeerMain", file.c_str(), nullptr);
            ::_exit(127);
        }
    }
    ~ZookeeperServer() {
        if (child_ <= 0) return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    ZookeeperServer(const ZookeeperServer&) = delete;
    ZookeeperServer& operator=(const ZookeeperServer&) = delete;

    static bool installed() {
        return std::filesystem::exists("/usr/share/java/zookeeper.jar") &&
               std::filesystem::exists("/usr/bin/java");
    }
    std::uint16_t port() const { return port_; }
    /// False when it does not listen within half a minute.
    bool await_start() const {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!listens()) {
            if (std::chrono::steady_clock::now() > until) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return true;
    }

private:
    bool listens() const {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port_);
        const bool connected =
            ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return connected;
    }

    const TemporaryDirectory directory_;
    std::uint16_t port_;
    pid_t child_ = -1;
};

}  // namespace qck::test
