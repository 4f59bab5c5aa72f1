#include "cli/commands/command.hpp"

#include <cstdio>
#include <utility>

namespace qck::commands {

Error misused(std::string why) { return error(Errc::invalid_argument, std::move(why)); }

Exit failed(const char* command, const Error& error) {
    std::fprintf(stderr, "%s: %s\n", command, error.message.c_str());
    return error.code == Errc::invalid_argument ? Exit::usage : Exit::could_not_run;
}

Exit refused(const char* command, const Error& error) {
    const Exit exit = failed(command, error);
    return error.code == Errc::not_found || error.code == Errc::conflict ? Exit::check_failed
                                                                         : exit;
}

Error wrong_input(Error error) {
    const bool of_it = error.code == Errc::not_found || error.code == Errc::io ||
                       error.code == Errc::permission || error.code == Errc::corrupt;
    if (of_it) error.code = Errc::invalid_argument;
    return error;
}

}  // namespace qck::commands
