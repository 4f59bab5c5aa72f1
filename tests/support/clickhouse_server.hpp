#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/free_port.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/test_certificate.hpp"

namespace qck::test {

/// A clickhouse-server of the distribution (or QCK_CLICKHOUSE_SERVER), alone, on free ports of the
/// loopback with its data in a temporary directory. It listens once the constructor is through, and
/// is killed with the fixture. Where none is installed, installed() is false.
class ClickhouseServer {
public:
    /// Of tables that are replicated.
    struct Replica {
        std::uint16_t zookeeper_port = 0;
        std::string name;  ///< the macro {replica}; {shard} is 1
        std::uint16_t interserver_port = free_port();
    };
    /// `cluster_tcp_ports`: the nodes of `qck_cluster`; none: this one.
    explicit ClickhouseServer(std::uint16_t tcp_port = free_port(),
                              std::vector<std::uint16_t> cluster_tcp_ports = {},
                              const std::string& password = "")
        : http_port_(free_port()), tcp_port_(tcp_port) {
        if (cluster_tcp_ports.empty()) cluster_tcp_ports = {tcp_port_};
        write_configuration(shards_of(cluster_tcp_ports, password), password);
        start();
    }
    /// The nodes of `qck_cluster` are replicas of one shard.
    ClickhouseServer(std::uint16_t tcp_port, const std::vector<std::uint16_t>& replica_tcp_ports,
                     const Replica& replica)
        : http_port_(free_port()), tcp_port_(tcp_port) {
        std::string shard = "<shard><internal_replication>true</internal_replication>";
        for (const auto port : replica_tcp_ports) shard += replica_at(port, "");
        write_configuration(shard + "</shard>", "", text_of(replica));
        start();
    }
    /// Alone, and listening for HTTPS with that certificate besides.
    explicit ClickhouseServer(const TestCertificate& certificate)
        : http_port_(free_port()), tcp_port_(free_port()), https_port_(free_port()) {
        write_configuration(shards_of({tcp_port_}, ""), "", text_of(certificate));
        start();
    }
    ~ClickhouseServer() { kill(); }
    ClickhouseServer(const ClickhouseServer&) = delete;
    ClickhouseServer& operator=(const ClickhouseServer&) = delete;

    static std::string program() {
        if (const char* named = std::getenv("QCK_CLICKHOUSE_SERVER")) return named;
        for (const char* path : {"/usr/sbin/clickhouse-server", "/usr/bin/clickhouse-server"}) {
            if (std::filesystem::exists(path)) return path;
        }
        return {};
    }
    static bool installed() { return !program().empty(); }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(http_port_); }
    std::string https_url() const { return "https://localhost:" + std::to_string(https_port_); }
    std::uint16_t http_port() const { return http_port_; }
    std::uint16_t tcp_port() const { return tcp_port_; }
    const std::filesystem::path& directory() const { return directory_.path(); }
    bool running() const { return child_ > 0; }

    /// Again, with the data it had. False when it does not answer within half a minute.
    bool start() {
        const std::string config = "--config-file=" + (directory_.path() / "config.xml").string();
        const std::string out = (directory_.path() / "out").string();
        std::string name = program();
        std::string option = config;
        char* arguments[] = {name.data(), option.data(), nullptr};
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                         0600);
        posix_spawn_file_actions_adddup2(&files, 1, 2);
        const int failed =
            ::posix_spawn(&child_, name.c_str(), &files, nullptr, arguments, environ);
        posix_spawn_file_actions_destroy(&files);
        if (failed != 0) child_ = -1;
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (failed == 0 && std::chrono::steady_clock::now() < until) {
            if (listens()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }
    void stop() { signal(SIGSTOP); }
    void go_on() { signal(SIGCONT); }
    /// kill -9.
    void kill() {
        if (child_ <= 0) return;
        signal(SIGCONT);
        signal(SIGKILL);
        int status = 0;
        while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
        }
        child_ = -1;
    }

private:
    void signal(int number) const {
        if (child_ > 0) ::kill(child_, number);
    }

    bool listens() const {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(http_port_);
        const bool connected =
            ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return connected;
    }

    static std::string replica_at(std::uint16_t port, const std::string& password) {
        return "<replica><host>127.0.0.1</host><port>" + std::to_string(port) +
               "</port><password>" + password + "</password></replica>";
    }
    static std::string shards_of(const std::vector<std::uint16_t>& cluster,
                                 const std::string& password) {
        std::string shards;
        for (const auto port : cluster) {
            shards += "<shard>" + replica_at(port, password) + "</shard>";
        }
        return shards;
    }
    static std::string text_of(const Replica& replica) {
        return "<interserver_http_port>" + std::to_string(replica.interserver_port) +
               "</interserver_http_port><interserver_http_host>127.0.0.1</interserver_http_host>"
               "<zookeeper><node><host>127.0.0.1</host><port>" +
               std::to_string(replica.zookeeper_port) +
               "</port></node><session_timeout_ms>5000</session_timeout_ms></zookeeper><macros>"
               "<shard>1</shard><replica>" +
               replica.name + "</replica></macros>";
    }

    std::string text_of(const TestCertificate& certificate) const {
        return "<https_port>" + std::to_string(https_port_) +
               "</https_port><openSSL><server><certificateFile>" +
               certificate.certificate_file.string() + "</certificateFile><privateKeyFile>" +
               certificate.key_file.string() +
               "</privateKeyFile><verificationMode>none</verificationMode></server></openSSL>";
    }

    void write_configuration(const std::string& shards, const std::string& password,
                             const std::string& more = "") {
        const std::string path = directory_.path().string();
        std::ofstream(directory_.path() / "config.xml")
            << "<?xml version=\"1.0\"?><yandex><logger><level>warning</level><log>" << path
            << "/log</log><errorlog>" << path << "/errors</errorlog></logger><http_port>"
            << http_port_ << "</http_port><tcp_port>" << tcp_port_
            << "</tcp_port><listen_host>127.0.0.1</listen_host><path>" << path
            << "/data/</path><tmp_path>" << path
            << "/tmp/</tmp_path><users_config>users.xml</users_config>"
               "<default_profile>default</default_profile><default_database>default"
               "</default_database><mark_cache_size>67108864</mark_cache_size><timezone>UTC"
               "</timezone><remote_servers><qck_cluster>"
            << shards << "</qck_cluster></remote_servers>" << more << "</yandex>\n";
        std::ofstream(directory_.path() / "users.xml")
            << "<?xml version=\"1.0\"?><yandex><profiles><default><max_memory_usage>2000000000"
               "</max_memory_usage></default></profiles><users><default><password>"
            << password
            << "</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>"
               "default</quota></default></users><quotas><default><interval><duration>3600"
               "</duration><queries>0</queries><errors>0</errors><result_rows>0</result_rows>"
               "<read_rows>0</read_rows><execution_time>0</execution_time></interval></default>"
               "</quotas></yandex>\n";
    }

    const TemporaryDirectory directory_;
    std::uint16_t http_port_;
    std::uint16_t tcp_port_;
    std::uint16_t https_port_ = 0;
    pid_t child_ = -1;
};

}  // namespace qck::test
