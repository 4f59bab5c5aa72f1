#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace qck::http_server {

/// Bytes on their way out: grows, never shrinks, reused for every batch of a reactor. Not
/// thread-safe.
class Output {
public:
    explicit Output(std::size_t capacity)
        : bytes_(std::make_unique_for_overwrite<char[]>(capacity)), capacity_(capacity) {}

    /// Room for `count` bytes at the end, which the caller fills; they count at once.
    char* claim(std::size_t count) {
        if (capacity_ - size_ < count) grow(count);
        char* const at = bytes_.get() + size_;
        size_ += count;
        return at;
    }
    void append(std::string_view text) {
        std::memcpy(claim(text.size()), text.data(), text.size());
    }
    /// `at` is at most size(); moves what lies behind it.
    void insert(std::size_t at, std::string_view text) {
        claim(text.size());
        std::memmove(bytes_.get() + at + text.size(), bytes_.get() + at, size_ - text.size() - at);
        std::memcpy(bytes_.get() + at, text.data(), text.size());
    }
    std::string_view view() const { return {bytes_.get(), size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    void clear() { size_ = 0; }

private:
    void grow(std::size_t count) {
        const std::size_t wanted = std::max(capacity_ * 2, size_ + count);
        auto larger = std::make_unique_for_overwrite<char[]>(wanted);
        std::memcpy(larger.get(), bytes_.get(), size_);
        bytes_ = std::move(larger);
        capacity_ = wanted;
    }

    std::unique_ptr<char[]> bytes_;
    std::size_t capacity_;
    std::size_t size_ = 0;
};

}  // namespace qck::http_server
