#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace qck::cli {

/// Where a TOML file of options names what: errors about its values can say the place.
class ConfigLines {
public:
    /// Of the file's text. A line that is no `[section]`, `name = value` or comment is refused:
    /// "FILE:3: expected [section] or name = value".
    static Result<ConfigLines> scan(const std::string& file, const std::string& text);

    /// `FILE:3` of `serve.data-dir`, whether in a section or with dots; empty when it is not there.
    std::string place_of(const std::string& name) const;
    /// The same of the section `[serve]`.
    std::string place_of_section(const std::string& name) const;

private:
    struct Entry {
        std::string name;
        std::size_t line;
    };
    std::string place_in(const std::vector<Entry>& entries, const std::string& name) const;

    std::string file_;
    std::vector<Entry> entries_;
    std::vector<Entry> sections_;
};

}  // namespace qck::cli
