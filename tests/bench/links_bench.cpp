// Creates per second over the links API: keep-alive connections, one request in flight on each.
// Usage: links_bench [connections] [seconds] [links stored before | HOST:PORT of a running API]
// Without an address the server and its SQLite file are in this process.

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/net/reactor.hpp"
#include "services/api/api_handler.hpp"
#include "services/http_server/server.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

using namespace qck;

/// Ends the program when a part of the set-up fails.
template <class T>
T need(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "links_bench: %s\n", result.error().message.c_str());
    std::exit(3);
}

struct Figures {
    std::uint64_t created = 0;
    std::uint64_t refused = 0;
    std::vector<std::int64_t> latency_ns;
};

/// Creates one link after another over one connection.
class CreatingClient : public net::EventHandler {
public:
    CreatingClient(net::Reactor& reactor, const net::Address& to, Figures& figures)
        : fd_(need(net::start_connect(to))), figures_(figures) {
        static_cast<void>(reactor.watch(fd_.get(), EPOLLIN | EPOLLOUT, *this));
        reactor_ = &reactor;
    }
    void on_events(std::uint32_t events) override {
        if ((events & EPOLLOUT) != 0) {
            static_cast<void>(reactor_->rewatch(fd_.get(), EPOLLIN, *this));
            return send_next();
        }
        char buffer[4096];
        const auto got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (got <= 0) return;
        // The server sends each answer whole, and they are small.
        const std::string_view answer(buffer, static_cast<std::size_t>(got));
        ++(answer.starts_with("HTTP/1.1 201") ? figures_.created : figures_.refused);
        figures_.latency_ns.push_back(monotonic_ns() - sent_ns_);
        send_next();
    }

private:
    void send_next() {
        static std::uint64_t number = 0;
        const auto body =
            "{\"url\":\"https://shop.example/articles/" + std::to_string(++number) +
            "?utm_source=newsletter&utm_campaign=autumn\",\"status\":302,\"max_age\":60}";
        const auto request =
            "POST /v1/links HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            "Content-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body;
        sent_ns_ = monotonic_ns();
        static_cast<void>(::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL));
    }

    net::Fd fd_;
    Figures& figures_;
    net::Reactor* reactor_ = nullptr;
    std::int64_t sent_ns_ = 0;
};

/// What the service stores before the measurement, so that trees have their depth.
void store_before(sqlite::SqliteLinkStore& store, std::uint64_t count) {
    const auto start_ns = monotonic_ns();
    for (std::uint64_t stored = 0; stored < count; stored += 10'000) {
        std::vector<links::Link> links(10'000);
        for (auto& link : links)
            link.target = "https://shop.example/articles/" + std::to_string(stored);
        need(store.create(std::move(links)));
    }
    if (count == 0) return;
    std::printf("stored before   %llu links, %.0f/s in batches of 10,000\n",
                static_cast<unsigned long long>(count),
                static_cast<double>(count) * 1e9 / static_cast<double>(monotonic_ns() - start_ns));
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void report(Figures& figures, double seconds, double cpu) {
    std::sort(figures.latency_ns.begin(), figures.latency_ns.end());
    const auto at = [&](double share) {
        const auto index =
            static_cast<std::size_t>(share * static_cast<double>(figures.latency_ns.size() - 1));
        return static_cast<double>(figures.latency_ns[index]) / 1e6;
    };
    const auto created = static_cast<double>(figures.created);
    std::printf("created         %.0f/s   refused %llu\n", created / seconds,
                static_cast<unsigned long long>(figures.refused));
    if (figures.latency_ns.empty()) return;
    std::printf("latency         p50 %.2f  p99 %.2f  max %.2f ms\n", at(0.5), at(0.99), at(1));
    std::printf("CPU             %.1f us a create, this process\n", cpu / created * 1e6);
}

/// The service in this process, over a temporary directory.
class LocalService {
public:
    explicit LocalService(std::uint64_t links_before)
        : file_(directory_.path() / "links.db"),
          queue_(need(sqlite::WriteQueue::open(file_, {}))),
          store_(need(sqlite::SqliteLinkStore::open(*queue_, file_, {}))),
          reactor_(need(net::Reactor::create())),
          handler_({}, api::ApiParts{*store_, *store_, nullptr}) {
        store_before(*store_, links_before);
        auto listeners = need(net::listen_on(need(net::parse_address("127.0.0.1:0")), 1));
        address = need(net::local_address(listeners.front().get()));
        server_ = std::make_unique<http_server::Server>(*reactor_, std::move(listeners.front()),
                                                        handler_, http_server::ServerConfig{});
        static_cast<void>(server_->start());
        thread_ = std::thread([this] { reactor_->run(); });
    }
    ~LocalService() {
        reactor_->stop();
        thread_.join();
        queue_->close();
    }

    net::Address address;

private:
    test::TemporaryDirectory directory_;
    std::filesystem::path file_;
    std::unique_ptr<sqlite::WriteQueue> queue_;
    std::unique_ptr<sqlite::SqliteLinkStore> store_;
    std::unique_ptr<net::Reactor> reactor_;
    api::ApiHandler handler_;
    std::unique_ptr<http_server::Server> server_;
    std::thread thread_;
};

}  // namespace

int main(int argc, char* argv[]) {
    const int connections = argc > 1 ? std::atoi(argv[1]) : 64;
    const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
    const char* elsewhere = argc > 3 && std::strchr(argv[3], ':') != nullptr ? argv[3] : nullptr;
    std::unique_ptr<LocalService> service;
    if (elsewhere == nullptr) {
        service =
            std::make_unique<LocalService>(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0);
    }
    const auto address = service ? service->address : need(net::parse_address(elsewhere));

    Figures figures;
    const auto reactor = need(net::Reactor::create());
    std::vector<std::unique_ptr<CreatingClient>> clients;
    for (int i = 0; i < connections; ++i) {
        clients.push_back(std::make_unique<CreatingClient>(*reactor, address, figures));
    }
    reactor->after(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)),
                   [&] { reactor->stop(); });
    const auto cpu_before = cpu_seconds();
    const auto start_ns = monotonic_ns();
    reactor->run();
    report(figures, static_cast<double>(monotonic_ns() - start_ns) / 1e9,
           cpu_seconds() - cpu_before);
}
