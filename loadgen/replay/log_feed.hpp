#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "loadgen/engine/arrival_feed.hpp"
#include "loadgen/replay/log_reader.hpp"

namespace qck::replay {

/// Reads a log on a thread of its own, ahead of the load by as much as fits into a bounded queue,
/// and gives its requests to the engine's workers as bytes. Thread-safe.
class LogFeed : public engine::ArrivalFeed {
public:
    struct Config {
        std::string host_header;
        std::string path_prefix;  ///< in front of every path; no slash at its end
        std::string user_agent;
        double speed = 1;  ///< time runs this many times faster
    };
    static constexpr std::size_t items_max = 65'536;
    static constexpr std::size_t bytes_max = 32 * 1024 * 1024;

    LogFeed(LogReader reader, Config config);
    ~LogFeed() override;
    LogFeed(const LogFeed&) = delete;
    LogFeed& operator=(const LogFeed&) = delete;

    /// Until it has read well ahead, or all there is: the load can begin.
    void wait_until_ahead();
    bool take(std::vector<engine::FeedItem>& into, std::size_t most) override;

    /// Of what has been read so far; all of it once take() has said false.
    LineCounts counts() const;
    std::optional<Error> failure() const;

private:
    void read_all();
    /// The queue is half full; under mutex_.
    bool is_far() const;
    engine::FeedItem item_of(const LogReader::Due& due) const;

    LogReader reader_;  ///< of the thread
    const Config config_;
    mutable std::mutex mutex_;
    std::condition_variable has_room_;
    std::condition_variable is_ahead_;
    std::deque<engine::FeedItem> queue_;
    std::size_t queued_bytes_ = 0;
    bool ended_ = false;
    bool stopping_ = false;
    LineCounts counts_;  ///< as of the last item queued
    std::optional<Error> failure_;
    std::thread thread_;
};

}  // namespace qck::replay
