#include <fstream>

#include "tests/integration/service_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_certificate.hpp"

using namespace qck;
using nlohmann::json;
using test::contains;
using test::RunningService;

TEST_CASE("a bench says how many links it put into a service, also over TLS", "[bench][cli]") {
    const test::TemporaryDirectory directory;
    const auto made = test::write_certificate(directory.path(), "qck");
    RunningService service([&](auto& config) {
        config.tls_certificate = made.certificate_file.string();
        config.tls_key = made.key_file.string();
    });
    const auto file = directory.path() / "tail.json";
    std::ofstream(file) << R"({
      "name": "tail", "phases": [{"name": "only", "rate": 200, "duration": "500ms"}],
      "requests": [{"name": "redirect", "path": "/{link}"}],
      "links": {"hot": "hit", "hot_share": 0.5, "tail": {"count": 200}}
    })";
    const auto out = directory.path() / "run";
    const auto bench = [&](std::vector<std::string> more) {
        std::vector<std::string> arguments{"bench",
                                           "run",
                                           file.string(),
                                           "--target",
                                           "https://" + service.address("redirect").to_string(),
                                           "--out",
                                           out.string()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return test::run_program(QCK_PROGRAM, arguments);
    };
    const auto ca = made.certificate_file.string();
    const auto api = "https://" + service.address("api").to_string();
    const auto refused = bench({"--api", api, "--insecure"});
    CHECK(refused.exit_code == 3);
    CHECK(contains(refused.err, "does not trust " + api));

    const auto first = bench({"--api", api, "--ca", ca});
    CAPTURE(first.out, first.err);
    CHECK((first.exit_code == 0 || first.exit_code == 4));
    CHECK(contains(first.out, "links       added 201 links to the service, which stay there\n"));
    const auto report = [&] { return json::parse(test::text_of_file(out / "report.json")); };
    CHECK(report()["links"]["added"] == 201);
    CHECK(report()["phases"][0]["status"] == json{{"302", 100}});

    const auto second = bench({"--api", api, "--ca", ca});
    CHECK_FALSE(contains(second.out, "links  "));
    CHECK(report()["links"]["added"] == 0);

    // Without --api a target that is named is left as it is.
    const auto as_is = bench({"--ca", ca});
    CHECK_FALSE(contains(as_is.out, "links  "));
}

TEST_CASE("paths that are spelled out reconcile as those with placeholders do",
          "[bench][cli][P1]") {
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "spelled.json";
    std::ofstream(file) << R"({
      "name": "spelled",
      "phases": [{"name": "only", "rate": "1k", "duration": "1s"}],
      "requests": [{"path": "/hit"}, {"path": "/{link}"}, {"path": "/nobody"},
                   {"path": "/hit", "method": "POST", "body": "x"}],
      "links": {"hot": "hit"}
    })";
    const auto out = directory.path() / "run";
    const auto run = test::run_program(
        QCK_PROGRAM, {"bench", "run", file.string(), "--serve", "--out", out.string()});
    CAPTURE(run.out, run.err);
    REQUIRE((run.exit_code == 0 || run.exit_code == 4));
    const json report = json::parse(test::text_of_file(out / "report.json"));
    const json& counts = report["reconcile"];
    const auto& status = report["phases"][0]["status"];
    CHECK(counts["difference"] == 0);
    CHECK(counts["answered"] == status["302"].get<int>() + status["404"].get<int>() +
                                    report["visible"]["clicks"].get<int>());
    CHECK(status["413"] > 100);  // the redirect listener takes no bodies
    CHECK(report["links"]["hot"]["answered"] == status["302"]);
}
