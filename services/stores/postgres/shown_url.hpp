#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::postgres {

/// Begins as a URL of PostgreSQL, so it is no `name=value` words.
bool is_url(std::string_view text);

/// `postgresql://user:secret@host/db` or `host=h password='a b'` (all of libpq's syntax) without
/// its secrets, for messages. What libpq would not take is not shown at all.
std::string shown_url(const std::string& url);

/// Errc::invalid_argument for what libpq would complain of with a part of a secret in its words:
/// words that are not `name=value`, and a password that is not percent-encoded in a URL.
Result<void> check_url(const std::string& url);

}  // namespace qck::postgres
