#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/cpu.hpp"
#include "loadgen/report/report.hpp"

namespace qck::report {
namespace {

/// What follows `key` and `separator` on the first line of `path` that begins with `key`; empty
/// when there is none.
std::string value_in(const char* path, const std::string& key, char separator) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "r"), &std::fclose);
    char line[512];
    while (file && std::fgets(line, sizeof line, file.get()) != nullptr) {
        std::string text(line);
        if (text.rfind(key, 0) != 0) continue;
        const auto at = text.find(separator);
        if (at == std::string::npos) continue;
        text.erase(0, at + 1);
        const auto first = text.find_first_not_of(" \t\"");
        const auto last = text.find_last_not_of(" \t\n\"");
        return first == std::string::npos ? "" : text.substr(first, last - first + 1);
    }
    return {};
}

}  // namespace

Machine this_machine() {
    Machine machine;
    utsname names{};
    if (::uname(&names) == 0) {
        machine.host = names.nodename;
        machine.kernel = std::string(names.sysname) + " " + names.release;
    }
    machine.cpu_model = value_in("/proc/cpuinfo", "model name", ':');
    machine.system = value_in("/etc/os-release", "PRETTY_NAME", '=');
    machine.cpus = static_cast<int>(allowed_cpus().size());
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page_bytes = ::sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0) {
        machine.memory_bytes =
            static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
    }
    return machine;
}

}  // namespace qck::report
