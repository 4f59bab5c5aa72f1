#include "loadgen/replay/log_feed.hpp"

#include <utility>

#include "base/cpu.hpp"
#include "base/http/serializer.hpp"

namespace qck::replay {

LogFeed::LogFeed(LogReader reader, Config config)
    : reader_(std::move(reader)), config_(std::move(config)), thread_([this] { read_all(); }) {}

LogFeed::~LogFeed() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    has_room_.notify_all();
    thread_.join();
}

engine::FeedItem LogFeed::item_of(const LogReader::Due& due) const {
    const LoggedRequest& request = due.request;
    engine::FeedItem item;
    item.due_ns = static_cast<std::int64_t>(static_cast<double>(due.offset_ns) / config_.speed);
    item.head = request.method == http::Method::head;
    item.may_be_refused = request.may_be_refused;
    item.bytes = http::method_name(request.method);
    item.bytes += " " + config_.path_prefix + request.path +
                  " HTTP/1.1\r\nHost: " + config_.host_header +
                  "\r\nUser-Agent: " + config_.user_agent + "\r\n";
    if (request.has_body) {
        const bool json = request.body.starts_with('{') || request.body.starts_with('[');
        if (json) item.bytes += "Content-Type: application/json\r\n";
        item.bytes += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    }
    item.bytes += "\r\n" + request.body;
    return item;
}

void LogFeed::read_all() {
    name_thread("qck-replay");
    for (;;) {
        const auto due = reader_.next();
        std::optional<engine::FeedItem> item;
        if (due) item = item_of(*due);
        std::unique_lock lock(mutex_);
        has_room_.wait(lock, [this] {
            return stopping_ || (queue_.size() < items_max && queued_bytes_ < bytes_max);
        });
        counts_ = reader_.counts();
        if (!item || stopping_) {
            failure_ = reader_.failure();
            ended_ = true;
            is_ahead_.notify_all();
            return;
        }
        queued_bytes_ += item->bytes.size();
        queue_.push_back(std::move(*item));
        if (is_far()) is_ahead_.notify_all();
    }
}

bool LogFeed::is_far() const {
    return queue_.size() >= items_max / 2 || queued_bytes_ >= bytes_max / 2;
}

void LogFeed::wait_until_ahead() {
    std::unique_lock lock(mutex_);
    is_ahead_.wait(lock, [this] { return ended_ || is_far(); });
}

bool LogFeed::take(std::vector<engine::FeedItem>& into, std::size_t most) {
    bool freed = false;
    {
        const std::lock_guard lock(mutex_);
        for (; most > 0 && !queue_.empty(); --most) {
            queued_bytes_ -= queue_.front().bytes.size();
            into.push_back(std::move(queue_.front()));
            queue_.pop_front();
            freed = true;
        }
        if (!freed && ended_) return false;
        // Read on when there is room for a good deal, so that the reader is not woken for each.
        freed = freed && !is_far();
    }
    if (freed) has_room_.notify_one();
    return true;
}

LineCounts LogFeed::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

std::optional<Error> LogFeed::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

}  // namespace qck::replay
