#include "cli/commands/run_directory.hpp"

#include <fstream>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using commands::RunDirectory;

TEST_CASE("two runs that begin in one second have a directory each", "[bench]") {
    const test::TemporaryDirectory directory;
    const std::string wanted = (directory.path() / "runs" / "now").string();
    {
        const auto one = RunDirectory::make_own(wanted);
        const auto other = RunDirectory::make_own(wanted);
        REQUIRE(one.has_value());
        REQUIRE(other.has_value());
        CHECK(one->path() == wanted);
        CHECK(other->path() == wanted + "-2");
        CHECK_FALSE(other->had_report());
        std::ofstream(wanted + "-2/report.json") << "{}";
    }
    // What nothing was written into is gone again.
    CHECK_FALSE(std::filesystem::exists(wanted));
    CHECK(std::filesystem::exists(wanted + "-2"));
    const auto again = RunDirectory::make(wanted + "-2");
    REQUIRE(again.has_value());
    CHECK(again->had_report());
}
