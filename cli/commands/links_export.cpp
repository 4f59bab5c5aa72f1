#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/net/fd.hpp"
#include "base/units.hpp"
#include "cli/commands/links_import.hpp"

namespace qck::commands {
namespace {

constexpr const char* first_page = "/v1/links?limit=1000";

/// A file that takes its name only when it is whole; until then it is NAME.PID.tmp beside it.
class WholeFile {
public:
    explicit WholeFile(std::string name)
        : name_(std::move(name)), temporary_(name_ + "." + std::to_string(::getpid()) + ".tmp") {}
    ~WholeFile() {
        if (fd_) ::unlink(temporary_.c_str());
    }
    WholeFile(const WholeFile&) = delete;
    WholeFile& operator=(const WholeFile&) = delete;

    Result<void> open() {
        fd_ = net::Fd(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        if (!fd_) return io_error("cannot write " + name_, errno);
        return {};
    }
    int fd() const { return fd_.get(); }

    Result<void> finish() {
        if (::fsync(fd_.get()) != 0) return io_error("cannot write " + name_, errno);
        if (::rename(temporary_.c_str(), name_.c_str()) != 0) {
            return io_error("cannot write " + name_, errno);
        }
        fd_.reset();
        return {};
    }

private:
    std::string name_;
    std::string temporary_;
    net::Fd fd_;
};

Result<void> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return io_error("cannot write the export", errno);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

/// Writes page after page; gives the number of links.
Result<std::uint64_t> export_pages(client::RestClient client, RecordFormat format, int fd) {
    std::string out = record_header(format);
    std::string target = first_page;
    std::uint64_t count = 0;
    while (true) {
        const auto answer = client.call("GET", target);
        if (!answer) return answer.error();
        const auto page = nlohmann::json::parse(answer->body, nullptr, false);
        if (!page.is_object() || !page.contains("links") || !page.contains("next")) {
            return error(Errc::unavailable, "the service's answer is no page of links");
        }
        for (const auto& link : page["links"]) {
            if (auto done = append_record(format, out, link); !done) return done.error();
            ++count;
        }
        if (auto done = write_all(fd, out); !done) return done.error();
        out.clear();
        if (!page["next"].is_string()) return count;
        // A code needs no escaping in a query.
        target = std::string(first_page) + "&after=" + page["next"].get<std::string>();
    }
}

}  // namespace

Exit run_export(const LinksConnection& connection, const ExportOptions& options) {
    const auto by_name = record_format_of(options.file);
    const auto format = options.format.value_or(by_name.value_or(RecordFormat::csv));
    if (options.file.empty()) {
        const auto count = export_pages(connection.open(), format, STDOUT_FILENO);
        return count ? Exit::good : links_failed("export", count.error());
    }
    WholeFile file(options.file);
    if (auto opened = file.open(); !opened) return links_failed("export", opened.error());
    const auto count = export_pages(connection.open(), format, file.fd());
    if (!count) return links_failed("export", count.error());
    if (auto done = file.finish(); !done) return links_failed("export", done.error());
    if (connection.json) {
        std::printf("{\"exported\":%llu}\n", static_cast<unsigned long long>(*count));
    } else {
        std::printf("exported %s links to %s\n", format_count(*count).c_str(),
                    options.file.c_str());
    }
    return Exit::good;
}

}  // namespace qck::commands
