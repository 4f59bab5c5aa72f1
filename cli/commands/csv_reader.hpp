#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace qck::commands {

/// Reads CSV by RFC 4180: cells in quotes may hold commas, line ends and doubled quotes; lines end
/// in CRLF or LF; a byte order mark is skipped. Streams: memory holds one record. Not thread-safe.
class CsvReader {
public:
    static constexpr std::size_t record_bytes_max = 64 * 1024;

    explicit CsvReader(std::istream& input) : input_(*input.rdbuf()) {}

    /// The cells of the next record, false at the end. Lines without any byte are skipped.
    Result<bool> next(std::vector<std::string>& cells);
    /// Where the record began, from 1.
    std::uint64_t line() const { return record_line_; }

private:
    Result<void> read_record(std::vector<std::string>& cells, int first);
    Result<int> read_quoted(std::string& cell);
    int take();

    std::streambuf& input_;
    std::uint64_t line_ = 1;
    std::uint64_t record_line_ = 0;
    std::size_t record_bytes_ = 0;
    bool at_start_ = true;
};

}  // namespace qck::commands
