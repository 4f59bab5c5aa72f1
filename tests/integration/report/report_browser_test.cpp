#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "loadgen/report/report_html.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

using namespace qck;

namespace {

std::string browser() {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
        if (std::system(("command -v " + std::string(name) + " > /dev/null 2>&1").c_str()) == 0) {
            return name;
        }
    }
    return {};
}

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Page {
    std::string dom;
    std::string log;  ///< of the browser; what scripts say stands in lines with CONSOLE
};

/// Opens the page in a browser without a window, network or profile, and takes its document as it
/// is once the scripts have run.
Page opened(const std::string& html) {
    std::string name = (std::filesystem::temp_directory_path() / "qck-browser-XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(name.data());
    std::ofstream(folder / "report.html", std::ios::binary) << html;
    const std::string at = folder.string();
    const std::string command =
        "HOME=" + at + " timeout 90 " + browser() +
        " --headless --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage"
        " --disable-background-networking --disable-component-update --disable-sync"
        " --user-data-dir=" +
        at + "/profile --enable-logging=stderr --dump-dom file://" + at + "/report.html > " + at +
        "/dom 2> " + at + "/log < /dev/null";
    const int status = std::system(command.c_str());
    Page page{text_of(folder / "dom"), text_of(folder / "log")};
    std::filesystem::remove_all(folder);
    CAPTURE(page.log);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
    return page;
}

report::Report made_report(bool with_errors) {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    if (with_errors) {
        test::fail_some(run, 0, record::Cause::reset, 1200);
        test::unsend_some(run, 0, record::Cause::no_free_connection, 900);
    }
    report::RunContext context;
    context.target = "http://127.0.0.1/</script>";
    return report::make_report(plan, run, context, {});
}

}  // namespace

TEST_CASE("a browser draws every chart of the report and has nothing to complain of",
          "[integration][report]") {
    if (browser().empty()) {
        QCK_SKIP("chromium is not installed");
    }
    for (const bool with_errors : {false, true}) {
        CAPTURE(with_errors);
        const Page page = opened(report::to_html(made_report(with_errors)));
        CHECK(page.log.find("CONSOLE") == std::string::npos);
        const std::string charts = with_errors ? "data-charts=\"4\"" : "data-charts=\"3\"";
        CHECK(page.dom.find(charts) != std::string::npos);
    }
}

TEST_CASE("a script that fails is seen by this test", "[integration][report]") {
    if (browser().empty()) {
        QCK_SKIP("chromium is not installed");
    }
    std::string html = report::to_html(made_report(false));
    const std::string drawn = "drawLatency();\n    drawCurve";
    REQUIRE(html.find(drawn) != std::string::npos);
    html.replace(html.find(drawn), 6, "nobody");
    const Page page = opened(html);
    CHECK(page.log.find("CONSOLE") != std::string::npos);
    CHECK(page.dom.find("data-charts=") == std::string::npos);
}
