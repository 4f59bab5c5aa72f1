#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "loadgen/report/report.hpp"

namespace qck::report {

/// `text` for HTML, as content or within quotes: & < > " ' are escaped, and bytes that are no UTF-8
/// or control characters become U+FFFD.
std::string escaped(std::string_view text);

/// JSON for within a script element: `<`, `>`, `&`, U+2028 and U+2029 are written as \u escapes, so
/// no string can end the element or begin a comment.
std::string json_for_script(std::string json);

/// What the charts are drawn from, as JSON (not yet escaped for a script element).
std::string chart_data(const Report& report);

/// The page's tables, each a section of its own, from the accounting on.
std::string html_tables(const Report& report);

/// Microseconds for a person: `0.48 ms`.
std::string micros_text(double us);
/// One of a Latency's figures for a person, `&ndash;` where there is none.
std::string micros_html(const std::optional<Latency>& latency, double Latency::*figure);
/// A share for a person: `71 %`.
std::string share_text(double share);

}  // namespace qck::report
