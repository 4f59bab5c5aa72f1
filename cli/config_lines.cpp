#include "cli/config_lines.hpp"

#include <algorithm>
#include <sstream>
#include <string_view>

namespace qck::cli {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_comment(std::string_view line) {
    return line.empty() || line.front() == '#' || line.front() == ';';
}

}  // namespace

Result<ConfigLines> ConfigLines::scan(const std::string& file, const std::string& text) {
    ConfigLines lines;
    lines.file_ = file;
    std::string section;
    bool in_array = false;
    std::istringstream input(text);
    std::size_t number = 0;
    for (std::string raw; std::getline(input, raw);) {
        ++number;
        const std::string_view line = trimmed(raw);
        if (in_array) {
            in_array = line.find(']') == std::string_view::npos;
            continue;
        }
        if (is_comment(line)) continue;
        const auto closing = line.find(']');
        const auto equals = line.find('=');
        if (line.front() == '[' && closing != std::string_view::npos) {
            section = std::string(trimmed(line.substr(1, closing - 1)));
            lines.sections_.push_back({section, number});
            section += '.';
        } else if (line.front() != '[' && equals != std::string_view::npos && equals > 0) {
            lines.entries_.push_back(
                {section + std::string(trimmed(line.substr(0, equals))), number});
            const auto value = trimmed(line.substr(equals + 1));
            in_array = value.starts_with('[') && value.find(']') == std::string_view::npos;
        } else {
            return error(Errc::invalid_argument, file + ":" + std::to_string(number) +
                                                     ": expected [section] or name = value");
        }
    }
    return lines;
}

std::string ConfigLines::place_of(const std::string& name) const {
    return place_in(entries_, name);
}

std::string ConfigLines::place_of_section(const std::string& name) const {
    return place_in(sections_, name);
}

std::string ConfigLines::place_in(const std::vector<Entry>& entries,
                                  const std::string& name) const {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& entry) { return entry.name == name; });
    return found == entries.end() ? "" : file_ + ":" + std::to_string(found->line);
}

}  // namespace qck::cli
