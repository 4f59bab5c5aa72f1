#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "loadgen/scenario/field_reader.hpp"

namespace qck::scenario {

/// Each takes the named field and writes its value to `out`. A field that is wrong is a problem
/// and leaves `out` alone, as does an optional one that is absent.
enum class Need : std::uint8_t { optional, required };

/// A number or a string such as "10M", from 0 (where `zero`) or above 0 to limits::rate_max.
enum class Zero : std::uint8_t { refused, allowed };
void take_rate(FieldReader& from, std::string_view key, Need need, Zero zero, double& out);

/// A string such as "10s", above 0 and at most `longest`, which `longest_text` says in words.
void take_duration(FieldReader& from, std::string_view key, Need need,
                   std::chrono::nanoseconds longest, std::string_view longest_text,
                   std::chrono::nanoseconds& out);

/// A number from `least` to `most`.
void take_number(FieldReader& from, std::string_view key, double least, double most, double& out);

/// A share: a number from 0 to 1.
void take_share(FieldReader& from, std::string_view key, double& out);

/// A whole number from `least` to `most`.
void take_whole(FieldReader& from, std::string_view key, std::uint64_t least, std::uint64_t most,
                std::uint64_t& out);
void take_whole(FieldReader& from, std::string_view key, std::uint32_t least, std::uint32_t most,
                std::uint32_t& out);

/// A string that `accept` accepts; `expected` says what that is. `line` gets where it stands.
void take_text(FieldReader& from, std::string_view key, Need need, std::string_view expected,
               bool (*accept)(std::string_view), std::string& out);

/// A name of 1 to 64 letters, digits, '_', '-' and '.', beginning with a letter or digit.
bool is_name(std::string_view text);
inline constexpr std::string_view name_wanted =
    "a name of 1 to 64 letters, digits, _ - or ., beginning with a letter or digit";

/// A short code: 1 to 64 letters, digits, '_' and '-'.
bool is_code(std::string_view text);
inline constexpr std::string_view code_wanted = "a code of 1 to 64 letters, digits, _ or -";

/// RFC 9110 section 5.6.2: what a header may be named.
bool is_token(std::string_view text);

/// At most 4096 bytes with no control byte but tab, and no space at either end; so no value can
/// end its line and begin another header.
bool is_header_value(std::string_view text);
inline constexpr std::string_view header_value_wanted =
    "a header value of at most 4096 bytes without line breaks, control bytes or outer spaces";

}  // namespace qck::scenario
