// What `qck serve` does before it serves.
#include "tests/faults/serve_process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"

using namespace qck;
using namespace qck::test;

TEST_CASE("a port that is taken is said in one line, and leaves nothing behind", "[cli]") {
    const auto taken = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
    REQUIRE(taken.has_value());
    const auto address = net::local_address(taken->front().get())->to_string();
    for (const std::string flag : {"--listen", "--api", "--ingest", "--admin"}) {
        CAPTURE(flag);
        const TemporaryDirectory directory;
        const auto data = directory.path() / "data";
        std::vector<std::string> words{"serve", "--data-dir", data.string()};
        for (const std::string each : {"--listen", "--api", "--ingest", "--admin"}) {
            words.insert(words.end(), {each, each == flag ? address : "127.0.0.1:0"});
        }
        const auto refused = run_program(QCK_PROGRAM, words);
        INFO(refused.err);
        CHECK(refused.exit_code == 3);
        CHECK(refused.out.empty());
        CHECK(refused.err.starts_with("qck serve: "));
        CHECK(contains(refused.err, address));
        CHECK(refused.err.find('\n') == refused.err.size() - 1);
        CHECK_FALSE(std::filesystem::exists(data));
    }
}

TEST_CASE("an ingest listener that others reach is warned of", "[cli][skippable]") {
    // In a network of its own nobody does reach it.
    const std::vector<std::string> alone{"--net", "--map-root-user", "--"};
    const auto unshared = [&](std::vector<std::string> words) {
        words.insert(words.begin(), alone.begin(), alone.end());
        return run_program("/usr/bin/unshare", words);
    };
    if (unshared({"/bin/true"}).exit_code != 0) QCK_SKIP("no network namespace can be made");
    const TemporaryDirectory directory;
    const auto served =
        unshared({"/bin/sh", "-c",
                  R"(cd "$1" && "$2" serve --quiet --token t --data-dir data --listen 0.0.0.0:0 \
                --api 0.0.0.0:0 --ingest 0.0.0.0:0 --admin 0.0.0.0:0 >ready &
            tries=0; until grep -q ^ready ready || [ $tries = 400 ]; do
                tries=$((tries + 1)); sleep 0.05
            done
            kill $!; wait $!)",
                  "sh", directory.path().string(), QCK_PROGRAM});
    INFO(served.out << served.err);
    CHECK(served.exit_code == 0);
    CHECK(contains(served.err, "level=warning event=ingest_open at=0.0.0.0:"));
}

TEST_CASE("an ingest listener on loopback is not warned of", "[cli]") {
    const TemporaryDirectory directory;
    const auto log = directory.path() / "stderr";
    ServeProcess serve(directory.path() / "data", log, {});
    serve.wait_until_ready();
    serve.stop();
    CHECK(contains(text_of_file(log), "event=draining"));
    CHECK_FALSE(contains(text_of_file(log), "ingest_open"));
}

TEST_CASE("a ClickHouse that does not answer at the start is warned of, though nobody clicks",
          "[cli]") {
    const TemporaryDirectory directory;
    const auto log = directory.path() / "stderr";
    const auto nobody = "http://127.0.0.1:" + std::to_string(free_port());
    ServeProcess serve(directory.path() / "data", log, {"--quiet", "--clickhouse", nobody});
    serve.wait_until_ready();
    const auto told = [&] { return text_of_file(log); };
    CHECK(eventually([&] {
        return contains(told(),
                        "level=error event=sink_does_not_answer sink=clickhouse error=\"") &&
               contains(told(), nobody + ": ");
    }));
    serve.stop();
}
