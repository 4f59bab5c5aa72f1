#include "loadgen/replay/log_reader.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/units.hpp"

namespace qck::replay {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::size_t sample_lines = 1'000;
constexpr std::size_t sample_bytes = 4 * 1024 * 1024;
constexpr std::uint64_t tail_bytes = 256 * 1024;
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
    File file(std::fopen(path.c_str(), "rb"), &std::fclose);
    if (!file) {
        return error(Errc::invalid_argument, io_error("cannot read " + path, errno).message);
    }
    struct stat about {};
    if (::fstat(::fileno(file.get()), &about) != 0 || !S_ISREG(about.st_mode)) {
        return error(Errc::invalid_argument, path + " is not a regular file");
    }
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

/// By the times of the lines at the end; the place in the file stays.
Result<void> LogReader::measure_length(std::uint64_t size) {
    const off_t here = ::ftello(file_.get());
    const std::uint64_t begin = size > tail_bytes ? size - tail_bytes : 0;
    std::string text(static_cast<std::size_t>(size - begin), '\0');
    if (here < 0 || ::fseeko(file_.get(), static_cast<off_t>(begin), SEEK_SET) != 0) {
        return io_error("cannot seek in " + path_, errno);
    }
    text.resize(std::fread(text.data(), 1, text.size(), file_.get()));
    if (::fseeko(file_.get(), here, SEEK_SET) != 0) {
        return io_error("cannot seek in " + path_, errno);
    }
    LineParser parser = parser_;
    std::int64_t last_ns = first_ns_;
    bool whole_second = pending_->whole_second;
    // The first of them was cut where the tail does not begin with the file.
    std::size_t at = begin == 0 ? 0 : std::min(text.find('\n'), text.size());
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const ParsedLine line = parser.parse(std::string_view(text).substr(at, end - at));
        if (line.kind == LineKind::request && line.request.at_ns >= last_ns) {
            last_ns = line.request.at_ns;
            whole_second = line.request.whole_second;
        }
        at = end + 1;
    }
    length_ns_ = last_ns - first_ns_ + (whole_second ? second_ns : 0);
    last_ns_max_ = last_ns + late_ns_max;
    return {};
}

}  // namespace qck::replay
