#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/http/head.hpp"

namespace qck::replay {

/// How a log says what was asked for, and when.
enum class LogFormat : std::uint8_t {
    common,  ///< common and combined (nginx, Apache): `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700]
             ///< "GET /x HTTP/1.1" 200 …`
    w3c,     ///< W3C extended: `#Fields: date time cs-method cs-uri-stem cs-uri-query …`
    ndjson,  ///< an object a line, with time, method and path under their usual names
    ms_uri,  ///< `<milliseconds><TAB><URI>`, GETs
};
std::string_view to_string(LogFormat format);
/// Of `common` (or `combined`), `w3c`, `ndjson`, `ms-uri`.
Result<LogFormat> parse_log_format(std::string_view text);

/// One request of a log.
struct LoggedRequest {
    std::int64_t at_ns = 0;     ///< since 1970, or since whatever the log counts from
    bool whole_second = false;  ///< the log knew the second only
    http::Method method = http::Method::get;
    std::string path;  ///< origin form, ready to be sent
    std::string body;  ///< only of NDJSON
    bool has_body = false;
    /// The log has it answered by 4xx, or does not say how it was.
    bool may_be_refused = true;
};

/// What a line came to.
enum class LineKind : std::uint8_t {
    request,
    other_method,  ///< not GET or HEAD, and no body is known
    remark,        ///< empty, or a directive or comment
    malformed,
};

struct ParsedLine {
    LineKind kind = LineKind::malformed;
    LoggedRequest request;
    std::string why;  ///< of a malformed line: what was expected
};

/// Reads the lines of one log, in order: those of W3C logs mean what the `#Fields` before them say.
/// Never trusts a line: what would not be one request on the wire is malformed. Not thread-safe.
class LineParser {
public:
    explicit LineParser(LogFormat format) : format_(format) {}

    LogFormat format() const { return format_; }
    /// `line` without its end of line.
    ParsedLine parse(std::string_view line);

private:
    ParsedLine parse_w3c(std::string_view line);
    void take_fields(std::string_view names);

    LogFormat format_;
    std::vector<std::string> fields_;  ///< of a W3C log
};

/// The format in which most of these lines can be read. Fails when none reads any.
Result<LogFormat> detect_format(const std::vector<std::string>& lines);

/// A path as it may stand in a request: `https://host/x` becomes `/x`, what nginx wrote as `\xC3`
/// becomes %C3, what Apache wrote as `\"` and `\\` becomes %22 and %5C, as does any byte that no
/// URI holds; fragments go. Empty when `target` is none, or longer than
/// scenario::limits::path_bytes_max.
std::string sendable_path(std::string_view target);

}  // namespace qck::replay
