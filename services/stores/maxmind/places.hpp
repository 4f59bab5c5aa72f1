#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <mutex>

#include "base/counter.hpp"
#include "services/clicks/click.hpp"
#include "services/stores/maxmind/place_file.hpp"

namespace qck::maxmind {

/// The place file in use, which can be read again while others look addresses up. Thread-safe.
class Places {
public:
    static Result<std::unique_ptr<Places>> open(std::filesystem::path path);

    /// Reads the file again; when it is wrong the old one stays in use.
    Result<void> reload();
    std::shared_ptr<const PlaceFile> current() const;

    /// As clicks::PlaceLookup; for one thread at a time. An address that was cut is looked up as
    /// the first of its network.
    bool find(const clicks::StoredIp& ip, clicks::Place& place);

    struct Figures {
        Counter found;
        Counter unknown;
    };
    const Figures& figures() const { return figures_; }

private:
    Places(std::filesystem::path path, std::shared_ptr<const PlaceFile> file)
        : path_(std::move(path)), file_(std::move(file)) {}

    const std::filesystem::path path_;
    mutable std::mutex mutex_;
    std::shared_ptr<const PlaceFile> file_;  ///< guarded by mutex_
    Figures figures_;
};

/// Countries of addresses with a memory of those that asked last, for the path of redirects, where
/// the same clients come again: some 50 ns then, 1 to 2 µs else. 96 KB. Belongs to one thread.
class CountryMemory {
public:
    explicit CountryMemory(std::shared_ptr<const PlaceFile> file) : file_(std::move(file)) {}

    /// clicks/country_code.hpp; 0 when not known.
    std::uint8_t country(const sockaddr* address);

private:
    struct Entry {
        std::array<std::uint64_t, 2> address{};
        std::uint8_t family = 0;  ///< 0: free
        std::uint8_t country = 0;
    };

    std::shared_ptr<const PlaceFile> file_;
    std::array<Entry, 4096> entries_{};
};

}  // namespace qck::maxmind
