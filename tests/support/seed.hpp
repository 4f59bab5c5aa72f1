#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace qck::test {

/// The seed of a test that goes by chance: QCK_SEED, or one drawn. Said on stdout as `OF:
/// QCK_SEED=N`, so that a run can be repeated.
inline std::uint32_t seed_of_run(const std::string& of) {
    const char* const given = std::getenv("QCK_SEED");
    const auto seed = given != nullptr
                          ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                          : std::random_device{}();
    std::cout << of << ": QCK_SEED=" << seed << std::endl;
    return seed;
}

}  // namespace qck::test
