#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "services/links/link_store.hpp"

namespace qck::cache {

/// Looks links up in the store on threads of its own. All who ask for a code before its lookup
/// begins share one answer, which is never older than any of the questions. Thread-safe.
class LinkFetcher {
public:
    using Found = Result<std::optional<links::Link>>;
    /// Called on a thread of the fetcher.
    using Done = std::function<void(const Found&)>;

    /// `store` outlives the fetcher. At most `codes_max` codes are under way.
    LinkFetcher(links::LinkStore& store, std::size_t threads, std::size_t codes_max);
    /// Waits for the lookups that have begun; the others are dropped uncalled.
    ~LinkFetcher();
    LinkFetcher(const LinkFetcher&) = delete;
    LinkFetcher& operator=(const LinkFetcher&) = delete;

    /// False, and `done` is never called, when too many codes are under way.
    bool fetch(const std::string& code, Done done);

private:
    void run();

    links::LinkStore& store_;
    const std::size_t codes_max_;
    std::mutex mutex_;
    std::condition_variable wanted_;
    bool stopping_ = false;
    std::unordered_map<std::string, std::vector<Done>> waiting_;  ///< by code
    std::vector<std::string> queue_;  ///< the same codes, none taken by a thread yet
    std::size_t under_way_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace qck::cache
