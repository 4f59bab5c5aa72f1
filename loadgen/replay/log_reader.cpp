#include "loadgen/replay/log_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/net/fd.hpp"
#include "base/units.hpp"
#include "loadgen/replay/log_time.hpp"

namespace qck::replay {
namespace {

constexpr std::size_t sample_lines = 1'000;
constexpr std::size_t sample_bytes = 4 * 1024 * 1024;
/// How much of the end is looked at for the last request, and how far back when it shows none.
constexpr std::uint64_t tail_bytes = 256 * 1024;
constexpr std::uint64_t tail_bytes_max = 16 * 1024 * 1024;
/// Lines may be out of order by so much: a server logs when an answer is done.
constexpr std::int64_t late_ns_max = 3'600 * second_ns;

/// The first lines, for the format to be told from. The file is then at its beginning again.
std::vector<std::string> sample_of(std::FILE* file) {
    std::vector<std::string> lines(1);
    std::size_t bytes = 0;
    for (int c = 0; bytes < sample_bytes && (c = ::getc_unlocked(file)) != EOF; ++bytes) {
        if (c != '\n') {
            lines.back() += static_cast<char>(c);
        } else if (lines.size() == sample_lines) {
            break;
        } else {
            lines.emplace_back();
        }
    }
    if (lines.back().empty()) lines.pop_back();
    std::rewind(file);
    return lines;
}

}  // namespace

Result<LogReader> LogReader::open(const std::string& path, std::optional<LogFormat> format) {
    // A pipe that nobody writes to would hold up who opens it, and its end is never known.
    net::Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0) {
        return error(Errc::invalid_argument, io_error("cannot read " + path, errno).message);
    }
    if (!S_ISREG(about.st_mode)) {
        return error(Errc::invalid_argument, "cannot read " + path + ": not a regular file");
    }
    File file(::fdopen(fd.get(), "rb"), &std::fclose);
    if (!file) return io_error("cannot read " + path, errno);
    fd.release();
    if (!format) {
        const auto found = detect_format(sample_of(file.get()));
        if (!found) return error(found.error().code, path + ": " + found.error().message);
        format = *found;
    }
    LogReader reader(path, std::move(file), *format);
    reader.bytes_left_ = static_cast<std::uint64_t>(about.st_size);
    reader.pending_ = reader.read_request();
    if (reader.failure_) return *reader.failure_;
    if (!reader.pending_) return reader.nothing_to_replay();
    reader.first_ns_ = reader.latest_ns_ = reader.pending_->at_ns;
    if (auto done = reader.measure_length(static_cast<std::uint64_t>(about.st_size)); !done) {
        return done.error();
    }
    return reader;
}

Error LogReader::nothing_to_replay() const {
    std::string message = path_ + ": nothing to replay: of " + format_count(counts_.lines) +
                          " lines " + format_count(counts_.malformed) + " cannot be read as " +
                          std::string(to_string(format())) + " and " +
                          format_count(counts_.other_method) + " are not GET or HEAD";
    if (!counts_.first_malformed.empty()) {
        const auto& first = counts_.first_malformed.front();
        message += " (line " + std::to_string(first.line) + ": " + first.why + ")";
    }
    return error(Errc::invalid_argument, message);
}

bool LogReader::read_line(std::string& line, bool& too_long) {
    line.clear();
    too_long = false;
    int c = 0;
    while (bytes_left_ > 0 && (c = ::getc_unlocked(file_.get())) != EOF) {
        --bytes_left_;
        if (c == '\n') return true;
        if (line.size() == line_bytes_max) {
            too_long = true;
        } else {
            line += static_cast<char>(c);
        }
    }
    if (c == EOF && std::ferror(file_.get()) != 0) {
        failure_ = io_error("cannot read " + path_, errno);
        return false;
    }
    return !line.empty();
}

std::optional<LoggedRequest> LogReader::read_request() {
    std::string line;
    bool too_long = false;
    while (read_line(line, too_long)) {
        ++counts_.lines;
        ParsedLine parsed;
        parsed.why = "expected a line of at most 1 MB";
        if (!too_long) parsed = parser_.parse(line);
        if (parsed.kind == LineKind::request && parsed.request.at_ns > last_ns_max_) {
            // A clock that jumped would hold up all that comes after it.
            parsed = ParsedLine();
            parsed.why = "expected a time before that of the log's last lines";
        }
        switch (parsed.kind) {
            case LineKind::request:
                ++counts_.requests;
                return std::move(parsed.request);
            case LineKind::other_method:
                ++counts_.other_method;
                break;
            case LineKind::remark:
                break;
            case LineKind::malformed:
                ++counts_.malformed;
                if (counts_.first_malformed.size() < LineCounts::malformed_shown_max) {
                    counts_.first_malformed.push_back({counts_.lines, std::move(parsed.why)});
                }
                break;
        }
    }
    return std::nullopt;
}

/// Takes the requests that are due together, and gives each its moment.
void LogReader::gather() {
    if (!pending_) return;
    const std::int64_t at_ns = pending_->at_ns;
    const bool spread = pending_->whole_second;
    std::size_t bytes = 0;
    while (pending_ && pending_->at_ns == at_ns && pending_->whole_second == spread &&
           group_.size() < group_max && bytes < group_bytes_max) {
        if (at_ns < latest_ns_) ++counts_.out_of_order;
        bytes += sizeof(Due) + pending_->path.size() + pending_->body.size();
        group_.push_back({0, std::move(*pending_)});
        pending_ = read_request();
        if (!spread) break;
    }
    latest_ns_ = std::max(latest_ns_, at_ns);
    const auto size = static_cast<std::int64_t>(group_.size());
    for (std::int64_t at = 0; at < size; ++at) {
        const std::int64_t within = spread ? second_ns / size * at : 0;
        emitted_ns_ = std::max(emitted_ns_, at_ns - first_ns_ + within);
        group_[static_cast<std::size_t>(at)].offset_ns = emitted_ns_;
    }
}

std::optional<LogReader::Due> LogReader::next() {
    if (group_.empty()) gather();
    if (group_.empty()) return std::nullopt;
    Due due = std::move(group_.front());
    group_.pop_front();
    return due;
}

LogReader::LastTimes LogReader::last_times_of(std::string_view text) const {
    LineParser parser = parser_;
    LastTimes last;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const ParsedLine line = parser.parse(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.kind == LineKind::request && line.request.at_ns >= last.request_ns.value_or(0)) {
            last.request_ns = line.request.at_ns;
            last.whole_second = line.request.whole_second;
        }
        if (line.kind == LineKind::request || line.kind == LineKind::other_method) {
            last.any_ns = std::max(last.any_ns.value_or(0), line.request.at_ns);
        }
    }
    return last;
}

/// By the times of the lines at the end; the place in the file stays.
Result<void> LogReader::measure_length(std::uint64_t size) {
    const off_t here = ::ftello(file_.get());
    LastTimes last;
    for (std::uint64_t bytes = tail_bytes; here >= 0; bytes *= 8) {
        const std::uint64_t begin = size > bytes ? size - bytes : 0;
        if (::fseeko(file_.get(), static_cast<off_t>(begin), SEEK_SET) != 0) break;
        std::string text(static_cast<std::size_t>(size - begin), '\0');
        text.resize(std::fread(text.data(), 1, text.size(), file_.get()));
        // The first of the lines was cut where the tail does not begin with the file.
        if (begin > 0) text.erase(0, text.find('\n'));
        last = last_times_of(text);
        if (last.request_ns || begin == 0 || bytes >= tail_bytes_max) break;
    }
    if (here < 0 || ::fseeko(file_.get(), here, SEEK_SET) != 0) {
        return io_error("cannot seek in " + path_, errno);
    }
    const std::int64_t last_ns =
        std::max(first_ns_, last.request_ns.value_or(last.any_ns.value_or(0)));
    const bool whole_second = last.request_ns ? last.whole_second : pending_->whole_second;
    length_ns_ = last_ns - first_ns_ + (whole_second ? second_ns : 0);
    if (last.any_ns) last_ns_max_ = std::max(first_ns_, *last.any_ns) + late_ns_max;
    return {};
}

}  // namespace qck::replay
