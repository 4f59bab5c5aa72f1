#include "base/error.hpp"

#include <stdexcept>
#include <system_error>

namespace qck {

Error io_error(std::string tried, int errno_value) {
    tried += ": ";
    tried += std::generic_category().message(errno_value);
    return Error{Errc::io, std::move(tried)};
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::runtime_error(error.message);
}

}  // namespace qck
