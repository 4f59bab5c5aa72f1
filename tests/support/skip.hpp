#pragma once

#include "tests/support/catch.hpp"

namespace qck::test {

/// Whether any case of this program could not run here. The program then exits with 77, which ctest
/// shows as skipped, never as passed; so such cases carry the tag [skippable] and are a test of
/// their own to ctest (qck_test's SKIPPABLE).
inline bool any_skipped = false;

}  // namespace qck::test

/// Leaves a test case that lacks what it needs, and says so. Catch2 2.13 has no SKIP of its own.
#define QCK_SKIP(reason)               \
    do {                               \
        WARN("skipped: " << (reason)); \
        qck::test::any_skipped = true; \
        return;                        \
    } while (false)
