#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <concepts>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "cli/commands/command.hpp"

namespace qck::commands {

/// Adds an option whose text `parse` (std::string_view -> Result<T>) turns into `place`, which
/// outlives the parsing. What `parse` refuses is a usage error: "--rate: '10MM' is not a rate (…)".
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, T& place, Parse parse,
                        const std::string& help, const std::string& type = "TEXT") {
    const auto take = [&place, parse = std::move(parse), name](const std::string& text) {
        auto parsed = parse(text);
        if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
        place = std::move(*parsed);
    };
    return app.add_option_function<std::string>(name, take, help)->type_name(type);
}

/// Parses whole numbers from `least` to `most`. Errors read "'abc' is not a whole number from 1 to
/// 256"; where the type ends the range, "… of at least 1".
template <std::integral T>
auto whole_number(T least, T most = std::numeric_limits<T>::max()) {
    return [least, most](std::string_view text) -> Result<T> {
        T number = 0;
        const char* const end = text.data() + text.size();
        const auto taken = std::from_chars(text.data(), end, number);
        if (taken.ec == std::errc() && taken.ptr == end && number >= least && number <= most) {
            return number;
        }
        const bool ends = most == std::numeric_limits<T>::max();
        const bool large = taken.ec == std::errc::result_out_of_range && text.front() != '-';
        std::string range = " of at least " + std::to_string(least);
        if (!ends) range = " from " + std::to_string(least) + " to " + std::to_string(most);
        if (ends && large) range = " up to " + std::to_string(most);
        return error(Errc::invalid_argument,
                     "'" + std::string(text) + "' is not a whole number" + range);
    };
}

/// The name of a file that can be read.
inline Result<std::string> readable_file(std::string_view text) {
    std::string name(text);
    errno = 0;
    std::ifstream file(name, std::ios::binary);
    if (file && (file.peek() != std::ifstream::traits_type::eof() || errno == 0)) return name;
    return error(Errc::invalid_argument, io_error("cannot read " + name, errno).message);
}

}  // namespace qck::commands
