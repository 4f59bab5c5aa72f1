#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <sstream>
#include <string>

#include "base/net/fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/run_program.hpp"

namespace qck::test {

/// A /proc/stat that says that a hypervisor has taken so many hundredths of a second of each CPU
/// since, and that all else stands still.
inline void write_stolen(const std::filesystem::path& file, std::uint64_t stolen) {
    static const std::string before = text_of_file("/proc/stat");
    std::ostringstream text;
    std::istringstream lines(before);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string name;
        words >> name;
        if (!name.starts_with("cpu")) continue;
        text << name;
        std::uint64_t ticks = 0;
        // User, nice, system, idle, waiting for I/O, interrupts, soft interrupts, stolen, guests.
        for (int field = 0; words >> ticks; ++field) {
            text << ' ' << std::setw(12) << ticks + (field == 7 ? stolen : 0);
        }
        text << '\n';
    }
    // In one call and of one length: who reads meanwhile finds whole lines.
    const net::Fd open(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    const std::string bytes = text.str();
    REQUIRE(::pwrite(open.get(), bytes.data(), bytes.size(), 0) ==
            static_cast<ssize_t>(bytes.size()));
}

}  // namespace qck::test
