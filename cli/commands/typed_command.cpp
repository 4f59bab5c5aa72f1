#include "cli/commands/typed_command.hpp"

#include <algorithm>
#include <fstream>

namespace qck::commands {

std::vector<std::string> typed_command() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
    return words;
}

bool was_typed(std::string_view option) {
    const std::vector<std::string> words = typed_command();
    return std::any_of(words.begin(), words.end(), [option](const std::string& word) {
        return word == option || word.starts_with(std::string(option) + "=");
    });
}

}  // namespace qck::commands
