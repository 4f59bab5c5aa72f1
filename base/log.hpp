#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace qck::log {

/// One key=value of a log line. Values with spaces, quotes or control bytes are quoted and escaped.
struct Field {
    std::string_view key;
    std::string value;

    Field(std::string_view k, std::string_view v) : key(k), value(v) {}
    Field(std::string_view k, const char* v) : key(k), value(v) {}
    Field(std::string_view k, const std::string& v) : key(k), value(v) {}
    template <std::integral T>
    Field(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
};

/// One line on stderr: `time=… level=info event=… key=value …`. One per event, never one per
/// request; no secret is ever a value. Thread-safe.
void info(std::string_view event, std::initializer_list<Field> fields = {});
void warn(std::string_view event, std::initializer_list<Field> fields = {});
void error(std::string_view event, std::initializer_list<Field> fields = {});

/// Nothing below `warn` is written from here on; for embedded services and tests.
void set_quiet(bool quiet);
/// Nothing at all; for tests that fail a store by the thousand.
void set_silent();

}  // namespace qck::log
