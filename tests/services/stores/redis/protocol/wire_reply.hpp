#pragma once

#include <string_view>

#include "services/stores/redis/protocol/reply.hpp"

namespace qck::test {

/// A reply as it comes over the wire.
inline redis::Reply wire_reply(std::string_view bytes) {
    redis::ReplyReader reader;
    reader.feed(bytes);
    auto reply = reader.next();
    return reply && reply->has_value() ? **std::move(reply) : redis::Reply();
}

}  // namespace qck::test
