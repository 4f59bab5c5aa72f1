#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/bench_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_certificate.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using nlohmann::json;
using test::BenchProgram;
using test::contains;
using test::ran;
using test::Reaction;
using test::TestTarget;

TEST_CASE("a target that has no such link makes no valid run, and says so", "[bench][cli]") {
    const std::string status = GENERATE("404 Not Found", "429 Too Many Requests");
    TestTarget target([&status](std::string_view) {
        return Reaction{"HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n"};
    });
    const BenchProgram bench;
    const auto run = bench({"constant", "--rate", "100", "--duration", "500ms", "--target",
                            target.url(), "--slo", "errors<0.1%"});
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 4);
    const std::string code = status.substr(0, 3);
    CHECK(contains(run.out, "all answers were " + code + " (50 of them)"));
    CHECK(contains(run.out, "answers     answered 50 = " + code + ": 50 (not asked for)"));
    CHECK(contains(run.out, code == "404" ? "Is the link there?" : "A limit of the target's"));
    const json report = bench.report();
    CHECK(report["verdict"]["status"] == "INVALID");
    CHECK(report["phases"][0]["unexpected"][code] == 50);
    CHECK(report["objectives"][0]["value"] == 1);
    CHECK(report["objectives"][0]["pass"] == false);
    // A report of before, which does not have them, can be read all the same.
    json old = report;
    for (json& phase : old["phases"]) phase.erase("unexpected");
    const auto file = bench.directory.path() / "report.json";
    std::ofstream(file) << old;
    CHECK(test::run_program(QCK_PROGRAM, {"report", "show", file.string()}).exit_code == 0);
}

TEST_CASE("a fault of TLS is told before the run, and what to do about it", "[bench][cli]") {
    const BenchProgram bench;
    const auto certificate = test::write_certificate(bench.directory.path(), "bench");
    auto tls = net::TlsServerContext::load(
        {certificate.certificate_file.string(), certificate.key_file.string()});
    REQUIRE(tls.has_value());
    TestTarget target(test::always(test::redirect_response()), tls->get());
    const std::vector<std::string> load{"constant", "--rate",   "20",        "--duration",
                                        "200ms",    "--target", target.url()};
    const auto refused = bench(load);
    const std::string origin = "https://127.0.0.1:" + std::to_string(target.port());
    CHECK(refused.exit_code == 3);
    CHECK(refused.err == "qck bench: cannot speak TLS with " + origin +
                             ": certificate verify failed: self-signed certificate (trust its "
                             "authority by --ca FILE, or any by --insecure)\n");
    CHECK_FALSE(std::filesystem::exists(bench.out()));
    auto trusting = load;
    trusting.insert(trusting.end(), {"--ca", certificate.certificate_file.string()});
    CHECK(ran(bench(trusting)));
    auto careless = load;
    careless.emplace_back("--insecure");
    CHECK(ran(bench(careless)));

    TestTarget plain(test::always(test::redirect_response()));
    const std::string place = "127.0.0.1:" + std::to_string(plain.port());
    const auto clear =
        bench({"constant", "--rate", "20", "--target", "https://" + place + "/viral"});
    CAPTURE(clear.err);
    CHECK(clear.exit_code == 3);
    CHECK(contains(clear.err, "qck bench: cannot speak TLS with https://" + place));
    CHECK(contains(clear.err, "(does it speak plain HTTP? Then it is http://" + place + ")"));
}

TEST_CASE("a report that is replaced is told of, and no other's is left beside it",
          "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const std::vector<std::string> load{"constant", "--rate",   "20",        "--duration",
                                        "200ms",    "--target", target.url()};
    const auto first = bench(load);
    REQUIRE(ran(first));
    CHECK(first.err == "");
    std::ofstream(bench.out() / "search.json") << "{}";
    const auto second = bench(load);
    REQUIRE(ran(second));
    CHECK(second.err == "qck bench: --out: the report of an earlier run in " +
                            bench.out().string() + " is replaced\n");
    CHECK_FALSE(std::filesystem::exists(bench.out() / "search.json"));
}

TEST_CASE("a scenario may come through a pipe", "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const std::string scenario =
        R"({"name":"piped","phases":[{"name":"only","rate":50,"duration":"200ms"}]})";
    const auto run = test::run_program(
        "/bin/sh",
        {"-c", "printf '%s' '" + scenario + "' | " QCK_PROGRAM " bench run /dev/stdin --target " +
                   target.url("/") + " --out " + bench.out().string()});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    CHECK(bench.report()["scenario"] == "piped");
    CHECK(bench.report()["accounting"]["scheduled"] == 10);
}
