#ifdef QCK_CATCH2_V3
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include "tests/support/skip.hpp"

int main(int argc, char* argv[]) {
    constexpr int skipped = 77;
    const int failed = Catch::Session().run(argc, argv);
    return failed == 0 && qck::test::any_skipped ? skipped : failed;
}
