#include "cli/commands/fleet_token.hpp"

#include <fstream>

#include "cli/commands/typed_command.hpp"

namespace qck::commands {

Result<std::string> fleet_token(const std::string& token, const std::string& token_file) {
    // What was typed wins over what was inherited; two that were typed are one too many.
    const bool token_typed = was_typed("--fleet-token");
    const bool file_typed = was_typed("--fleet-token-file");
    if (token_file.empty() || (token_typed && !file_typed)) return token;
    if (token_typed && file_typed) {
        return error(Errc::invalid_argument,
                     "--fleet-token and --fleet-token-file exclude each other");
    }
    std::ifstream file(token_file);
    std::string line;
    std::getline(file, line);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) {
        return error(Errc::invalid_argument,
                     "--fleet-token-file: the first line of " + token_file + " is empty");
    }
    return line;
}

}  // namespace qck::commands
