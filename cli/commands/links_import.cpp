#include "cli/commands/links_import.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/clock.hpp"
#include "base/units.hpp"

namespace qck::commands {
namespace {

/// Below the service's limits for one batch, and enough that a batch costs more than its round
/// trip.
constexpr std::size_t batch_links_max = 2'000;
constexpr std::size_t batch_bytes_max = 512 * 1024;
constexpr std::int64_t progress_period_ns = 200'000'000;

/// Why an import ended early, and where.
struct Stop {
    Exit exit = Exit::usage;
    std::string message;  ///< without place and count
    std::optional<std::uint64_t> line;
};

/// One line on stderr that is redrawn, on a terminal only.
class ImportProgress {
public:
    ImportProgress() : shown_(::isatty(STDERR_FILENO) != 0), start_ns_(monotonic_ns()) {}

    void show(std::uint64_t imported) {
        const auto now_ns = monotonic_ns();
        if (!shown_ || now_ns < next_ns_) return;
        next_ns_ = now_ns + progress_period_ns;
        std::fprintf(stderr, "\rimported %s   %s/s   ", format_count(imported).c_str(),
                     format_rate(rate(imported)).c_str());
        drawn_ = true;
    }
    void clear() {
        if (drawn_) std::fputs("\r\033[K", stderr);
        drawn_ = false;
    }
    double rate(std::uint64_t imported) const {
        const auto elapsed_ns = static_cast<double>(std::max<std::int64_t>(1, elapsed().count()));
        return static_cast<double>(imported) * 1e9 / elapsed_ns;
    }
    std::chrono::nanoseconds elapsed() const {
        return std::chrono::nanoseconds(monotonic_ns() - start_ns_);
    }

private:
    bool shown_;
    bool drawn_ = false;
    std::int64_t start_ns_;
    std::int64_t next_ns_ = 0;
};

class Import {
public:
    Import(client::RestClient client, RecordReader& records, const ImportOptions& options)
        : client_(std::move(client)), records_(records), options_(options) {
        target_ = "/v1/links:batch?on_error=stop&results=errors";
        if (options.keep_expired) target_ += "&expired=allow";
    }

    std::optional<Stop> run() {
        while (true) {
            const auto wrong = fill();
            if (!lines_.empty()) {
                if (auto stop = send()) return stop;
                progress_.show(imported_);
            }
            if (wrong || at_end_) return wrong;
        }
    }

    std::uint64_t imported() const { return imported_; }
    ImportProgress& progress() { return progress_; }

private:
    /// Gathers the next batch. A record that cannot be read ends it: those before it still count.
    std::optional<Stop> fill() {
        lines_.clear();
        body_.clear();
        while (lines_.size() < batch_links_max && body_.size() < batch_bytes_max) {
            const auto more = records_.next(record_);
            if (!more) return Stop{Exit::usage, more.error().message, records_.line()};
            if (!*more) {
                at_end_ = true;
                return std::nullopt;
            }
            if (records_.line() < options_.from_line) continue;
            lines_.push_back(records_.line());
            body_.append(record_).append("\n");
        }
        return std::nullopt;
    }

    std::optional<Stop> send() {
        const auto answer = client_.call("POST", target_, body_, "application/x-ndjson");
        if (!answer) return lost(answer.error());
        const auto document = nlohmann::json::parse(answer->body, nullptr, false);
        const bool understood = document.is_object() && document.contains("created") &&
                                document["created"].is_number_unsigned() &&
                                document.contains("results") && document["results"].is_array();
        if (!understood) {
            return Stop{Exit::could_not_run, "the service's answer is no batch result", {}};
        }
        imported_ += document["created"].get<std::uint64_t>();
        if (document["results"].empty()) return std::nullopt;
        const auto& refused = document["results"].front();
        const auto place = refused.value("line", std::size_t{0});
        Stop stop;
        stop.exit = refused.value("status", 422) == 409 ? Exit::check_failed : Exit::usage;
        stop.message = refused.value("error", "refused");
        if (place >= 1 && place <= lines_.size()) stop.line = lines_[place - 1];
        return stop;
    }

    Stop lost(const Error& error) const {
        Stop stop{Exit::could_not_run, error.message, {}};
        if (error.code == Errc::invalid_argument) stop.exit = Exit::usage;
        if (error.code == Errc::io || error.code == Errc::timed_out) {
            stop.message += "; of lines " + format_count(lines_.front()) + " to " +
                            format_count(lines_.back()) + " it is not known";
        }
        return stop;
    }

    client::RestClient client_;
    RecordReader& records_;
    const ImportOptions& options_;
    std::string target_;
    ImportProgress progress_;
    std::vector<std::uint64_t> lines_;  ///< of the file, for each record of the batch
    std::string body_;
    std::string record_;
    std::uint64_t imported_ = 0;
    bool at_end_ = false;
};

Exit report(const Stop& stop, std::uint64_t imported, const ImportOptions& options) {
    const std::string name = options.file == "-" ? "stdin" : options.file;
    const std::string place =
        stop.line ? name + ":" + std::to_string(*stop.line) : "qck links import";
    std::fprintf(stderr, "%s: %s (%s imported, nothing after)\n", place.c_str(),
                 stop.message.c_str(), format_count(imported).c_str());
    return stop.exit;
}

}  // namespace

Exit run_import(const LinksConnection& connection, const ImportOptions& options) {
    const auto format = options.format ? options.format : record_format_of(options.file);
    if (!format) {
        return links_failed("import", error(Errc::invalid_argument,
                                            "cannot tell the format of " + options.file +
                                                " by its name (set --format csv or ndjson)"));
    }
    std::ifstream file;
    if (options.file != "-") {
        file.open(options.file, std::ios::binary);
        if (!file || file.peek() == std::ifstream::traits_type::eof()) {
            const int why = errno;
            const std::string text = "cannot read " + options.file;
            if (!file.is_open() || why == EISDIR) {
                return links_failed("import",
                                    error(Errc::invalid_argument, io_error(text, why).message));
            }
            file.clear();
        }
    }
    const auto records = record_reader(*format, options.file == "-" ? std::cin : file);
    Import import(connection.open("import"), *records, options);
    const auto stop = import.run();
    import.progress().clear();
    if (stop) return report(*stop, import.imported(), options);
    if (options.from_line > 1 && options.from_line > records->line()) {
        return links_failed(
            "import", error(Errc::invalid_argument,
                            options.file + " ends at line " + std::to_string(records->line()) +
                                ", before --from-line " + std::to_string(options.from_line)));
    }
    if (connection.json) {
        std::printf("{\"imported\":%llu}\n", static_cast<unsigned long long>(import.imported()));
    } else {
        std::printf("imported %s %s in %s (%s/s)\n", format_count(import.imported()).c_str(),
                    import.imported() == 1 ? "link" : "links",
                    format_duration(import.progress().elapsed()).c_str(),
                    format_rate(import.progress().rate(import.imported())).c_str());
    }
    return Exit::good;
}

}  // namespace qck::commands
