#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "loadgen/replay/log_line.hpp"

namespace qck::replay {

/// What became of the lines of a log.
struct LineCounts {
    /// A line that could not be read, by its number from 1.
    struct Malformed {
        std::uint64_t line = 0;
        std::string why;
    };
    static constexpr std::size_t malformed_shown_max = 5;

    std::uint64_t lines = 0;         ///< remarks and empty ones as well
    std::uint64_t requests = 0;      ///< to be replayed
    std::uint64_t other_method = 0;  ///< skipped: not GET or HEAD, and no body is known
    std::uint64_t malformed = 0;
    std::uint64_t out_of_order = 0;  ///< of the requests: earlier than one before them
    std::vector<Malformed> first_malformed;
};

/// Requests of a log file in the order of its lines, one after another: however large the file, it
/// holds a buffer and the requests of one second at most.
///
/// Of a file that grows, what it held when it was opened. A request that is an hour or more later
/// than the last lines is malformed; where no time can be read in the last 16 MB, none is.
///
/// Offsets never decrease: servers log when an answer is done, so a line may be a little earlier
/// than the one before it; it is then due with that one. Where a log knows only the second, the
/// requests of a second are spread over it evenly (up to group_max of them; those after that are
/// due at its end). Not thread-safe.
class LogReader {
public:
    static constexpr std::size_t group_max = 500'000;
    static constexpr std::size_t group_bytes_max = 64 * 1024 * 1024;
    static constexpr std::size_t line_bytes_max = 1024 * 1024;

    struct Due {
        std::int64_t offset_ns = 0;  ///< from the first request
        LoggedRequest request;
    };

    /// Finds the first request; the format too, unless it is said. Fails when the file cannot be
    /// read, is no regular file, or has no request at all, and then says what is wrong with its
    /// first lines.
    static Result<LogReader> open(const std::string& path, std::optional<LogFormat> format);

    /// Empty at the end of the file, and when it can no longer be read (see failure()).
    std::optional<Due> next();
    const LineCounts& counts() const { return counts_; }
    LogFormat format() const { return parser_.format(); }
    /// From the first request to the last, by the last lines of the file; where those (16 MB of
    /// them) hold no request, to the last line with a time.
    std::int64_t length_ns() const { return length_ns_; }
    const std::optional<Error>& failure() const { return failure_; }

private:
    using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

    /// Since 1970, as all times; empty where no line has one.
    struct LastTimes {
        std::optional<std::int64_t> request_ns;
        bool whole_second = false;           ///< of that request
        std::optional<std::int64_t> any_ns;  ///< of those with other methods as well
    };

    LogReader(std::string path, File file, LogFormat format)
        : path_(std::move(path)), file_(std::move(file)), parser_(format) {}
    bool read_line(std::string& line, bool& too_long);
    std::optional<LoggedRequest> read_request();
    void gather();
    LastTimes last_times_of(std::string_view text) const;
    Result<void> measure_length(std::uint64_t size);
    Error nothing_to_replay() const;

    std::string path_;
    File file_;
    LineParser parser_;
    LineCounts counts_;
    std::optional<LoggedRequest> pending_;
    std::deque<Due> group_;
    std::int64_t first_ns_ = 0;
    std::int64_t latest_ns_ = 0;   ///< of the times read so far
    std::int64_t emitted_ns_ = 0;  ///< the last offset given
    std::int64_t length_ns_ = 0;
    std::int64_t last_ns_max_ = std::numeric_limits<std::int64_t>::max();
    std::uint64_t bytes_left_ = 0;
    std::optional<Error> failure_;
};

}  // namespace qck::replay
