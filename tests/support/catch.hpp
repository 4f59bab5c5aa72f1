#pragma once

// Catch2 2.13 (Debian 12) and 3.x (Debian 13, Ubuntu 24.04) under one include.
#ifdef QCK_CATCH2_V3
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

#include <string_view>

namespace qck::test {

/// For what both Catch2s have a matcher of another name.
inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace qck::test
