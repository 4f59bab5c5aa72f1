#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "loadgen/report/report_html.hpp"
#include "loadgen/report/report_json.hpp"

namespace qck::report {
namespace {

Result<std::string> text_of(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                               &std::fclose);
    if (!file) return io_error("cannot read report " + path, errno);
    std::string text;
    char piece[65536];
    while (const std::size_t read = std::fread(piece, 1, sizeof piece, file.get())) {
        text.append(piece, read);
    }
    if (std::ferror(file.get()) != 0) return io_error("cannot read report " + path, errno);
    return text;
}

}  // namespace

Result<Report> read_report(const std::string& run) {
    std::error_code failure;
    std::string path = run;
    if (std::filesystem::is_directory(run, failure)) {
        path = (std::filesystem::path(run) / "report.json").string();
    }
    if (!std::filesystem::exists(path, failure)) {
        return error(Errc::not_found,
                     path + ": no such report (RUN is the directory of a run, or its report.json)");
    }
    const auto text = text_of(path);
    if (!text) return text.error();
    return from_json(*text, path);
}

Result<void> write_atomically(const std::string& path, std::string_view text) {
    const std::string draft = path + ".new-" + std::to_string(::getpid());
    const int descriptor = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) return io_error("cannot write " + path, errno);
    bool written = true;
    while (written && !text.empty()) {
        const ssize_t count = ::write(descriptor, text.data(), text.size());
        if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
        if (count < 0 && errno != EINTR) written = false;
    }
    written = written && ::fsync(descriptor) == 0;
    int reason = errno;
    if (::close(descriptor) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && ::rename(draft.c_str(), path.c_str()) == 0) return {};
    if (written) reason = errno;
    ::unlink(draft.c_str());
    return io_error("cannot write " + path, reason);
}

Result<void> write_report(const Report& report, const std::string& directory) {
    std::error_code failure;
    std::filesystem::create_directories(directory, failure);
    if (failure) {
        return io_error("cannot make directory " + directory, failure.value());
    }
    const std::filesystem::path base(directory);
    if (auto done = write_atomically((base / "report.json").string(), to_json(report)); !done) {
        return done;
    }
    return write_atomically((base / "report.html").string(), to_html(report));
}

}  // namespace qck::report
