#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace qck {

/// What kind of failure an Error is; decides exit codes and HTTP statuses, never parsed from text.
enum class Errc {
    invalid_argument,  ///< the caller's input is wrong (exit 2, 400 or 422)
    not_found,         ///< the named thing does not exist (404)
    conflict,          ///< it exists already, or changed meanwhile (409)
    permission,        ///< not allowed (401, 403)
    unavailable,       ///< a peer, store or resource is out of reach or full (exit 3, 503)
    timed_out,         ///< no answer in time
    corrupt,           ///< stored bytes fail their checks
    io,                ///< the operating system refused an operation
    internal,          ///< a bug
};

/// What was tried, on what, what went wrong, and what to do: one line, ready for a person.
struct Error {
    Errc code = Errc::internal;
    std::string message;
};

template <class T>
using Result = boost::system::result<T, Error>;

inline Error error(Errc code, std::string message) { return Error{code, std::move(message)}; }

/// `tried` with the text of errno, e.g. io_error("cannot open " + path, errno).
Error io_error(std::string tried, int errno_value);

/// Needed by boost::system::result when value() is called on an error: a bug in the caller.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& location);

}  // namespace qck
