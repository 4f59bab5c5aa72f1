#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/free_port.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/test_certificate.hpp"

namespace qck::test {

/// Runs programs of PostgreSQL, which refuse to be root, as the user postgres then.
class PostgresUser {
public:
    /// Takes what belongs to root over to that user.
    static void give(const std::filesystem::path& path) {
        const passwd* user = to_become();
        if (user == nullptr) return;
        if (::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
            throw std::runtime_error("cannot chown " + path.string());
    }
    /// In a child before exec.
    static void become() {
        if (const passwd* user = to_become()) {
            if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                ::setuid(user->pw_uid) != 0)
                ::_exit(126);
        }
    }
    /// The child, in a session of its own, with its output in `log`; it ends with this process.
    static pid_t spawn(std::vector<std::string> words, const std::filesystem::path& log) {
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        const pid_t child = ::fork();
        if (child != 0) return child;
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        ::setsid();
        become();
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // changing the user would clear it
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    /// To its end; throws when it fails.
    static void run(std::vector<std::string> words, const std::filesystem::path& log) {
        const std::string name = words.front();
        const pid_t child = spawn(std::move(words), log);
        int status = 0;
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (status != 0) throw std::runtime_error(name + " failed:\n" + text_of_file(log));
    }

private:
    static const passwd* to_become() {
        if (::geteuid() != 0) return nullptr;
        const passwd* user = ::getpwnam("postgres");
        if (user == nullptr) throw std::runtime_error("no user postgres (run scripts/deps --test)");
        return user;
    }
};

/// A real PostgreSQL on a free port of 127.0.0.1 with its data in a temporary directory; user
/// `qck`, no password, database `qck`. Throws when it cannot be had. Ends with its object.
class PostgresServer {
public:
    PostgresServer() : PostgresServer(nullptr) {}
    /// A streaming replica of `primary`.
    static std::unique_ptr<PostgresServer> replica_of(const PostgresServer& primary) {
        return std::unique_ptr<PostgresServer>(new PostgresServer(&primary));
    }
    ~PostgresServer() {
        go_on();
        if (process_ > 0) stop(SIGQUIT);
    }
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    static bool is_installed() { return !newest_programs().empty(); }
    int port() const { return port_; }
    std::string url(const std::string& database = "qck") const {
        return "postgresql://qck@127.0.0.1:" + std::to_string(port_) + "/" + database;
    }
    /// An empty database of a name of its own; its URL.
    std::string make_database() {
        const auto name = "test" + std::to_string(++databases_);
        sql("CREATE DATABASE " + name);
        return url(name);
    }
    /// What psql prints, unaligned and without headers.
    std::string sql(const std::string& text, const std::string& database = "qck") const {
        const auto run = run_program(bin_ / "psql",
                                     {"-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, url(database)});
        if (run.exit_code != 0) throw std::runtime_error("psql: " + run.err);
        return run.out;
    }

    /// From the next start() on it takes TLS, with that certificate, besides plain connections.
    void speak_tls(const TestCertificate& certificate) {
        for (const auto& [from, name] : {std::pair{certificate.certificate_file, "server.crt"},
                                         std::pair{certificate.key_file, "server.key"}}) {
            std::filesystem::copy_file(from, data_ / name);
            std::filesystem::permissions(data_ / name, std::filesystem::perms(0600));
            PostgresUser::give(data_ / name);
        }
        std::ofstream(data_ / "postgresql.conf", std::ios::app) << "ssl = on\n";
    }

    void start() {
        process_ = PostgresUser::spawn(
            {bin_ / "postgres", "-D", data_.string(), "-p", std::to_string(port_)}, log_);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (run_program(bin_ / "pg_isready", {"-q", "-d", url()}).exit_code != 0) {
            if (std::chrono::steady_clock::now() > deadline ||
                ::waitpid(process_, nullptr, WNOHANG) != 0)
                throw std::runtime_error("postgres does not start:\n" + text_of_file(log_));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    /// kill -9 of every process of it: what was not in its files is lost.
    void kill() {
        const auto children = processes();
        for (const pid_t pid : children) ::kill(pid, SIGKILL);
        ::waitpid(std::exchange(process_, -1), nullptr, 0);
        wait_for_the_end_of(children);
    }
    /// SIGTERM waits for clients, SIGINT cuts them off, SIGQUIT does not even checkpoint.
    void stop(int signal = SIGINT) {
        const auto children = processes();
        ::kill(process_, signal);
        ::waitpid(std::exchange(process_, -1), nullptr, 0);
        wait_for_the_end_of(children);
    }
    /// It accepts connections (its kernel does) and answers nobody.
    void hang() {
        for (const pid_t pid : processes()) ::kill(pid, SIGSTOP);
    }
    void go_on() {
        for (const pid_t pid : processes()) ::kill(pid, SIGCONT);
    }
    std::filesystem::path bin() const { return bin_; }
    /// What it has logged.
    std::string log() const { return text_of_file(log_); }

private:
    explicit PostgresServer(const PostgresServer* primary)
        : bin_(find_programs()),
          data_(directory_.path() / "data"),
          log_(directory_.path() / "log"),
          port_(free_port()) {
        PostgresUser::give(directory_.path());
        if (primary != nullptr) {
            PostgresUser::run({bin_ / "pg_basebackup", "-d", primary->url("postgres"), "-D",
                               data_.string(), "-R", "-X", "stream", "-c", "fast", "--no-sync"},
                              log_);
        } else {
            PostgresUser::run({bin_ / "initdb", "-D", data_.string(), "-U", "qck", "-A", "trust",
                               "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions"},
                              log_);
            // Tests kill processes, not machines: the page cache is safe enough, and quick.
            std::ofstream(data_ / "postgresql.conf", std::ios::app)
                << "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
                   "shared_buffers = 32MB\nmax_connections = 60\n";
        }
        start();
        if (primary == nullptr) {
            run_program(bin_ / "createdb", {"--maintenance-db", url("postgres"), "qck"});
        }
    }

    /// Empty when there is none.
    static std::filesystem::path newest_programs() {
        std::filesystem::path newest;
        std::error_code none;
        for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
            if (std::filesystem::exists(entry.path() / "bin/initdb") &&
                (newest.empty() ||
                 std::stoi(entry.path().filename()) > std::stoi(newest.parent_path().filename())))
                newest = entry.path() / "bin";
        }
        return newest;
    }
    static std::filesystem::path find_programs() {
        auto programs = newest_programs();
        if (programs.empty())
            throw std::runtime_error("PostgreSQL is not installed (run scripts/deps --test)");
        return programs;
    }
    /// The server and its children, each of which is a process group.
    std::vector<pid_t> processes() const {
        std::vector<pid_t> found;
        if (process_ <= 0) return found;
        found.push_back(process_);
        const auto id = std::to_string(process_);
        std::ifstream children("/proc/" + id + "/task/" + id + "/children");
        for (pid_t child = 0; children >> child;) found.push_back(child);
        return found;
    }
    static void wait_for_the_end_of(const std::vector<pid_t>& processes) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (const pid_t pid : processes) {
            while (::kill(pid, 0) == 0 && !is_zombie(pid)) {
                if (std::chrono::steady_clock::now() > deadline)
                    throw std::runtime_error("a process of postgres does not end");
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        }
    }
    static bool is_zombie(pid_t pid) {
        return text_of_file("/proc/" + std::to_string(pid) + "/stat").find(") Z") !=
               std::string::npos;
    }

    TemporaryDirectory directory_;
    std::filesystem::path bin_;
    std::filesystem::path data_;
    std::filesystem::path log_;
    int port_;
    int databases_ = 0;
    pid_t process_ = -1;
};

/// A real PgBouncer in transaction mode before a server. Ends with its object.
class PgBouncer {
public:
    explicit PgBouncer(const PostgresServer& server, int server_connections = 2)
        : port_(free_port()) {
        PostgresUser::give(directory_.path());
        const auto file = directory_.path() / "pgbouncer.ini";
        const auto users = directory_.path() / "users";
        std::ofstream(users) << "\"qck\" \"\"\n";
        std::ofstream(file) << "[databases]\n* = host=127.0.0.1 port=" << server.port()
                            << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
                            << "\nunix_socket_dir =\nauth_type = trust\nauth_file = "
                            << users.string()
                            << "\npool_mode = transaction\nmax_client_conn = 100\n"
                            << "default_pool_size = " << server_connections << "\n";
        const auto log = directory_.path() / "log";
        process_ = PostgresUser::spawn({"/usr/sbin/pgbouncer", "-q", file.string()}, log);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (run_program(server.bin() / "pg_isready", {"-q", "-d", url("qck")}).exit_code != 0) {
            if (std::chrono::steady_clock::now() > deadline)
                throw std::runtime_error("pgbouncer does not start:\n" + text_of_file(log));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    ~PgBouncer() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    PgBouncer(const PgBouncer&) = delete;
    PgBouncer& operator=(const PgBouncer&) = delete;

    std::string url(const std::string& database) const {
        return "postgresql://qck@127.0.0.1:" + std::to_string(port_) + "/" + database;
    }

private:
    TemporaryDirectory directory_;
    int port_;
    pid_t process_ = -1;
};

}  // namespace qck::test
