#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using test::contains;

namespace {

const std::string by_address = "Host: 127.0.0.1\r\n\r\n";
const std::string press = "POST /stop HTTP/1.1\r\nQck-Stop: 1\r\nHost: localhost:1\r\n\r\n";

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

/// A run of twenty seconds, or until it is stopped, that can be watched at a known place.
class WatchedBench {
public:
    explicit WatchedBench(const std::string& duration = "20s",
                          const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{"bench",      "constant", "--rate",   "200",
                                       "--duration", duration,   "--target", target_.url(),
                                       "--out",      out(),      "--ui",     place_};
        words.insert(words.end(), more.begin(), more.end());
        thread_ = std::thread([this, words] { run_ = test::run_program(QCK_PROGRAM, words); });
    }
    ~WatchedBench() {
        if (!thread_.joinable()) return;
        ask(press);
        thread_.join();
    }

    const std::string& place() const { return place_; }
    std::string out() const { return (directory_.path() / "run").string(); }
    net::Address address() const { return *net::parse_address(place_); }
    /// The answer to `request`; empty when nobody listens.
    std::string ask(const std::string& request) const {
        test::RawClient client(address());
        if (!client.connected() || !client.send(request)) return {};
        return client.until_closed();
    }
    std::string get(const std::string& path) const {
        return ask("GET " + path + " HTTP/1.1\r\n" + by_address);
    }
    /// Whether it listens, within the time that it may take to start.
    bool is_up() const {
        return test::eventually([&] { return contains(get("/"), "200 OK"); });
    }
    const test::ProgramRun& end() {
        thread_.join();
        return run_;
    }

private:
    test::TemporaryDirectory directory_;
    test::TestTarget target_{test::redirect};
    const std::string place_ = "127.0.0.1:" + std::to_string(test::free_port());
    test::ProgramRun run_;
    std::thread thread_;
};

/// Who reads events, and has all that came.
class EventReader {
public:
    explicit EventReader(const WatchedBench& bench) : client_(bench.address()) {
        client_.send("GET /events HTTP/1.1\r\n" + by_address);
    }
    /// Reads on until `part` has come `times` times; false when it does not within ten seconds.
    bool hears(const std::string& part, std::size_t times = 1) {
        const auto until = std::chrono::steady_clock::now() + 10s;
        while (count_of(heard, part) < times && std::chrono::steady_clock::now() < until) {
            pollfd ready{client_.fd(), POLLIN, 0};
            if (::poll(&ready, 1, 100) != 1) continue;
            char bytes[16'384];
            const ssize_t got = ::recv(client_.fd(), bytes, sizeof bytes, 0);
            if (got <= 0) break;
            heard.append(bytes, static_cast<std::size_t>(got));
        }
        return count_of(heard, part) >= times;
    }
    std::string heard;

private:
    test::RawClient client_;
};

}  // namespace

TEST_CASE("who watches is told the run, its states as they come, and its report when it is stopped",
          "[live]") {
    WatchedBench bench;
    REQUIRE(bench.is_up());
    const std::string page = bench.get("/");
    CHECK(contains(page, "Content-Type: text/html"));
    CHECK(contains(page, "frame-ancestors 'none'"));
    CHECK(contains(page, "new EventSource"));
    CHECK_FALSE(contains(page, "src=\"http"));

    EventReader first(bench);
    REQUIRE(first.hears("event: state", 6));
    CHECK(contains(first.heard, "Content-Type: text/event-stream"));
    CHECK(count_of(first.heard, "event: run") == 1);
    CHECK(contains(first.heard, "\"scenario\":\"constant\""));
    CHECK(contains(first.heard, "\"target_rate\":200.0"));

    // Who comes later has what was before, at once.
    EventReader second(bench);
    REQUIRE(second.hears("event: state", 6));
    CHECK(second.heard.find("event: run") < second.heard.find("event: state"));

    CHECK(contains(bench.ask(press), "202 Accepted"));
    CHECK(first.hears("event: finished"));
    CHECK(second.hears("event: finished"));
    CHECK(first.hears("</html>\\n\"}\n\n"));
    CHECK(second.hears("</html>\\n\"}\n\n"));
    const test::ProgramRun& run = bench.end();
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 4);
    CHECK(contains(run.out, "INTERRUPTED"));
    CHECK(contains(first.heard, "\"status\":\"INTERRUPTED\""));
    CHECK(contains(run.err, "live view at http://" + bench.place() + "/\n"));
    CHECK(bench.get("/").empty());

    SECTION("and the finished run can be served again, where there is nothing to press") {
        const std::string place = "127.0.0.1:" + std::to_string(test::free_port());
        test::ProgramRun served;
        // By the shell, so that it ends by itself whatever happens here.
        std::thread thread([&] {
            served = test::run_program(
                "/usr/bin/timeout",
                {"--signal=INT", "5", QCK_PROGRAM, "report", "serve", bench.out(), "--ui", place});
        });
        const auto ask = [&](const std::string& request) {
            test::RawClient client(*net::parse_address(place));
            if (!client.connected() || !client.send(request)) return std::string();
            return client.until_closed();
        };
        CHECK(test::eventually(
            [&] { return contains(ask("GET / HTTP/1.1\r\n" + by_address), "200 OK"); }));
        CHECK(contains(ask(press), "404 Not Found"));
        CHECK(contains(ask("GET /events HTTP/1.1\r\n" + by_address), "\"status\":\"INTERRUPTED\""));
        thread.join();
        CHECK(served.out == "http://" + place + "/\n");
    }
}

TEST_CASE("no page of another site can press the button or watch", "[live]") {
    WatchedBench bench;
    REQUIRE(bench.is_up());
    CHECK(contains(bench.ask("POST /stop HTTP/1.1\r\n" + by_address), "403 Forbidden"));
    for (const std::string host : {"Host: evil.example\r\n", "Host: 127.0.0.1.evil.example:80\r\n",
                                   "Host: \r\n", "Host: [evil]\r\n", ""}) {
        CAPTURE(host);
        CHECK(contains(bench.ask("POST /stop HTTP/1.1\r\nQck-Stop: 1\r\n" + host + "\r\n"),
                       "403 Forbidden"));
        CHECK(contains(bench.ask("GET /events HTTP/1.1\r\n" + host + "\r\n"), "403 Forbidden"));
    }
    for (const std::string host : {"Host: 127.0.0.1:7777", "Host: localhost", "Host: [::1]:80"}) {
        CHECK(contains(bench.ask("GET / HTTP/1.1\r\n" + host + "\r\n\r\n"), "200 OK"));
    }
    CHECK(contains(bench.ask("OPTIONS /stop HTTP/1.1\r\n" + by_address), "405 Method Not Allowed"));
    EventReader reader(bench);
    CHECK(reader.hears("event: state", 2));
    CHECK_FALSE(contains(reader.heard, "\"draining\":true"));
}

TEST_CASE("what is no request for the page is refused, and too large a one too", "[live]") {
    WatchedBench bench;
    REQUIRE(bench.is_up());
    CHECK(contains(bench.get("/nothing"), "404 Not Found"));
    CHECK(contains(bench.get("/stop"), "405 Method Not Allowed"));
    CHECK(contains(bench.get("/stop"), "Allow: POST\r\n"));
    CHECK(contains(bench.ask("nonsense\r\n\r\n"), "400 Bad Request"));
    CHECK(
        contains(bench.ask("GET / HTTP/1.1\r\nX: " + std::string(9'000, 'x') + "\r\n" + by_address),
                 "431 Request Header Fields Too Large"));
    CHECK(contains(bench.ask("POST /stop HTTP/1.1\r\nContent-Length: 100000\r\n" + by_address),
                   "413 Payload Too Large"));
    CHECK(bench.ask("GET / HTT").empty());  // closed after its time, without a word
}

TEST_CASE("who takes all connections or reads nothing holds up neither the run nor its end",
          "[live]") {
    WatchedBench bench("4s");
    REQUIRE(bench.is_up());
    std::vector<std::unique_ptr<EventReader>> silent;
    for (int i = 0; i < 40; ++i) silent.push_back(std::make_unique<EventReader>(bench));
    int heard = 0;
    for (const auto& reader : silent) heard += reader->hears("event-stream") ? 1 : 0;
    CHECK(heard <= 32);
    CHECK(heard >= 30);
    CHECK(bench.get("/").empty());
    silent.resize(10);
    CHECK(bench.is_up());
    const test::ProgramRun& run = bench.end();
    CHECK((run.exit_code == 0 || run.exit_code == 4));
}

TEST_CASE("repeated runs are told one after another in one place", "[live]") {
    WatchedBench bench("1s", {"--repeat", "2"});
    REQUIRE(bench.is_up());
    EventReader reader(bench);
    CHECK(reader.hears("event: finished", 2));
    CHECK(count_of(reader.heard, "event: run") == 2);
}

TEST_CASE("the agents of a run are told with it", "[live]") {
    WatchedBench bench("20s", {"--agents", "2"});
    REQUIRE(bench.is_up());
    EventReader reader(bench);
    REQUIRE(reader.hears("event: agents", 4));
    CHECK(contains(reader.heard, "\"count\":2,\"lost\":0"));
    CHECK(contains(bench.ask(press), "202 Accepted"));
    CHECK(reader.hears("\"status\":\"INTERRUPTED\""));
    CHECK(bench.end().exit_code == 4);
}

TEST_CASE("a place that the page cannot be at is refused in a line, before anything", "[live]") {
    const test::TestTarget target(test::redirect);
    const test::TemporaryDirectory directory;
    const auto refused = [&](const std::string& place) {
        return test::run_program(
            QCK_PROGRAM, {"bench", "constant", "--rate", "1", "--target", target.url(), "--out",
                          (directory.path() / "run").string(), "--ui", place});
    };
    for (const char* place : {"7777", "nowhere", "127.0.0.1:99999", "example.com:80"}) {
        const auto run = refused(place);
        CAPTURE(run.err);
        CHECK(run.exit_code == 2);
        CHECK(run.err.starts_with("qck bench: --ui: "));
        CHECK(count_of(run.err, "\n") == 1);
    }
    const auto taken = refused("127.0.0.1:" + std::to_string(target.port()));
    CHECK(taken.exit_code == 3);
    CHECK(contains(taken.err, "cannot listen on"));
    CHECK_FALSE(std::filesystem::exists(directory.path() / "run"));
}
