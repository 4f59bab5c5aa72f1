#pragma once

#include <cstdint>

#include "base/error.hpp"

namespace qck::commands {

/// Connections that listeners may have, so that no listener takes the descriptors of another, nor
/// those that the journal and the stores need.
struct DescriptorShares {
    std::uint32_t redirects = 0;  ///< of all redirect threads together
    std::uint32_t side = 0;       ///< of each other listener
};

/// Raises the process's limit of open files to what it may be (setrlimit) and returns it.
std::uint64_t raise_descriptor_limit();

/// What `limit` open files are shared out to. Errc::unavailable when they are too few to serve.
Result<DescriptorShares> share_descriptors(std::uint64_t limit, std::uint16_t threads);

}  // namespace qck::commands
