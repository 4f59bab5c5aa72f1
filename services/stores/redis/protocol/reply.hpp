#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::redis {

/// A reply, or an element of one, that somebody else keeps. Reading it as another type than it has
/// gives an empty text, 0, no elements: a server is not trusted to answer what was expected.
class ReplyView {
public:
    explicit ReplyView(const redisReply* reply) : reply_(reply) {}

    bool is_nil() const { return reply_ == nullptr || reply_->type == REDIS_REPLY_NIL; }
    bool is_error() const { return has_type(REDIS_REPLY_ERROR); }
    bool is_array() const { return has_type(REDIS_REPLY_ARRAY); }
    bool is_integer() const { return has_type(REDIS_REPLY_INTEGER); }
    bool is_text() const { return has_type(REDIS_REPLY_STRING) || has_type(REDIS_REPLY_STATUS); }
    /// Of a string, a status or an error; binary safe.
    std::string_view text() const {
        return is_text() || is_error() ? std::string_view(reply_->str, reply_->len)
                                       : std::string_view();
    }
    std::int64_t integer() const { return is_integer() ? reply_->integer : 0; }
    std::size_t size() const { return is_array() ? reply_->elements : 0; }
    /// Nil when there are not so many.
    ReplyView operator[](std::size_t index) const {
        return ReplyView(index < size() ? reply_->element[index] : nullptr);
    }

private:
    bool has_type(int type) const { return reply_ != nullptr && reply_->type == type; }

    const redisReply* reply_;
};

/// A reply that is one's own.
class Reply {
public:
    Reply() = default;
    explicit Reply(redisReply* reply) : reply_(reply) {}

    ReplyView view() const { return ReplyView(reply_.get()); }
    bool is_nil() const { return view().is_nil(); }
    bool is_error() const { return view().is_error(); }
    bool is_array() const { return view().is_array(); }
    bool is_integer() const { return view().is_integer(); }
    bool is_text() const { return view().is_text(); }
    std::string_view text() const { return view().text(); }
    std::int64_t integer() const { return view().integer(); }
    std::size_t size() const { return view().size(); }
    ReplyView operator[](std::size_t index) const { return view()[index]; }

private:
    struct Deleter {
        void operator()(redisReply* reply) const { freeReplyObject(reply); }
    };
    std::unique_ptr<redisReply, Deleter> reply_;
};

/// Bytes of a connection in, whole replies out (hiredis' reader).
class ReplyReader {
public:
    ReplyReader();
    /// After an error of next() the reader is of no more use.
    void feed(std::string_view bytes);
    /// The next whole reply; nothing when bytes are missing; an error when these are no RESP2.
    Result<std::optional<Reply>> next();

private:
    struct Deleter {
        void operator()(redisReader* reader) const { redisReaderFree(reader); }
    };
    std::unique_ptr<redisReader, Deleter> reader_;
};

}  // namespace qck::redis
