#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/http/body_decoder.hpp"
#include "base/http/response_parser.hpp"

namespace qck::engine {

/// The head that was parsed last, by its bytes. A target answers the same request with the same
/// bytes until its Date changes, so most heads need to be compared only. One for each worker.
class HeadMemo {
public:
    /// The head that `bytes` begins with is the one remembered.
    bool matches(std::string_view bytes) const {
        return length_ != 0 && bytes.size() >= length_ &&
               bytes.substr(0, length_) == std::string_view(head_.data(), length_);
    }
    void remember(std::string_view head, const http::ResponseHead& parsed);

    std::uint16_t status() const { return status_; }
    /// The whole answer, head and body, is within `bytes`, which matches().
    bool has_whole(std::string_view bytes) const { return bytes.size() - length_ >= body_bytes_; }
    /// Its bytes; needs has_whole().
    std::size_t whole_bytes() const { return length_ + static_cast<std::size_t>(body_bytes_); }

private:
    std::array<char, 1024> head_{};
    std::size_t length_ = 0;
    std::uint16_t status_ = 0;
    std::uint64_t body_bytes_ = 0;
};

/// Finds the ends of the responses on one connection; bodies are dropped as they come, without
/// being copied. Not thread-safe.
class ResponseReader {
public:
    explicit ResponseReader(const http::Limits& limits) : parser_(limits) {}

    /// Ready for a new connection.
    void restart();

    /// Takes bytes off the front of `in`, `consumed` of them; all when it needs more. `method` is
    /// of the request that stands first. complete: status() and keep_alive() are of the response
    /// that ended there. `memo` is not used for HEAD, whose responses end differently.
    http::ParseStatus take(std::string_view in, http::Method method, HeadMemo& memo,
                           std::size_t& consumed);
    /// The peer closed: complete where that ends the response.
    http::ParseStatus finish();

    std::uint16_t status() const { return status_; }
    bool keep_alive() const { return keep_alive_; }

private:
    http::ParseStatus take_head(std::string_view in, http::Method method, HeadMemo& memo,
                                std::size_t& consumed);
    http::ParseStatus take_body(std::string_view in, std::size_t& consumed);

    http::ResponseParser parser_;
    http::BodyDecoder body_;
    std::string pending_;  ///< the part of a head that came without its end
    bool in_body_ = false;
    bool keep_alive_ = true;
    std::uint16_t status_ = 0;
};

}  // namespace qck::engine
