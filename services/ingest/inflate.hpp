#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::ingest {

/// The content of a gzip stream (RFC 1952; several members follow each other), appended to `out`.
/// Errc::invalid_argument when it is no gzip, damaged or cut; Errc::unavailable when it holds more
/// than `content_bytes_max` bytes: unpacking stops there, so a bomb costs no more than what a good
/// body may.
Result<void> inflate_gzip(std::string_view packed, std::size_t content_bytes_max, std::string& out);

}  // namespace qck::ingest
