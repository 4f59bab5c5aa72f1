#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace qck::api {

/// Answers to expensive questions, kept for a few seconds: many who watch the same figures ask the
/// store once. Bounded: beyond entries_max or bytes_max all are forgotten. Not thread-safe.
class AnswerCache {
public:
    explicit AnswerCache(std::chrono::nanoseconds keep_for) : keep_for_ns_(keep_for.count()) {}

    struct Entry {
        std::string body;
        std::int64_t made_at_ns = 0;
    };
    /// Null when there is none, or it is too old.
    const Entry* find(const std::string& question, std::int64_t now_ns) const {
        const auto at = entries_.find(question);
        const bool good = at != entries_.end() && now_ns - at->second.made_at_ns < keep_for_ns_;
        return good ? &at->second : nullptr;
    }
    const Entry& put(const std::string& question, std::string body, std::int64_t now_ns) {
        if (entries_.size() >= entries_max || bytes_ + body.size() > bytes_max) {
            entries_.clear();
            bytes_ = 0;
        }
        Entry& entry = entries_[question];
        bytes_ += body.size() - entry.body.size();
        entry = {std::move(body), now_ns};
        return entry;
    }
    std::int64_t keep_for_s() const { return keep_for_ns_ / 1'000'000'000; }

private:
    static constexpr std::size_t entries_max = 256;
    static constexpr std::size_t bytes_max = std::size_t{16} << 20;

    std::int64_t keep_for_ns_;
    std::unordered_map<std::string, Entry> entries_;
    std::size_t bytes_ = 0;  ///< of the bodies
};

}  // namespace qck::api
