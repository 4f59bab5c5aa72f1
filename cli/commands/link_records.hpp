#pragma once

#include <array>
#include <cstdint>
#include <istream>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::commands {

enum class RecordFormat : std::uint8_t { csv, ndjson };

/// `csv` or `ndjson`.
Result<RecordFormat> parse_record_format(std::string_view text);
/// By the end of a file's name: .csv, .ndjson or .jsonl.
std::optional<RecordFormat> record_format_of(std::string_view file_name);

/// The columns of CSV and the fields of NDJSON, in the order that export writes them.
inline constexpr std::array<std::string_view, 5> record_fields{"code", "url", "status", "max_age",
                                                               "expires_at"};

/// Reads links one by one from a file.
class RecordReader {
public:
    virtual ~RecordReader() = default;
    /// Sets `json` to the next link as one line of JSON; false at the end. What is no record
    /// (quoting, columns, numbers) is an error; what is no link is left to the service to say.
    virtual Result<bool> next(std::string& json) = 0;
    /// Where the last record began, from 1.
    virtual std::uint64_t line() const = 0;
};

/// CSV (RFC 4180): the header row names columns of record_fields in any order, `url` among them; an
/// empty cell is an absent field. NDJSON: an object a line, empty lines skipped. `input` outlives
/// the reader.
std::unique_ptr<RecordReader> record_reader(RecordFormat format, std::istream& input);

/// The header row of CSV; nothing for NDJSON.
std::string record_header(RecordFormat format);
/// Appends a link, given as the API's JSON object, as one record. Errc::internal when a field is
/// missing.
Result<void> append_record(RecordFormat format, std::string& out, const nlohmann::json& link);

}  // namespace qck::commands
