#pragma once

#include <string>
#include <string_view>

#include "services/stores/redis/protocol/command.hpp"

namespace qck::redis {

/// A Lua script and its SHA-1, by which a server that has seen it runs it. Begin with by_hash();
/// when that fails with Errc::not_found send the same by_source(), which every server knows after.
class Script {
public:
    explicit Script(std::string_view source);

    /// EVALSHA or EVAL with the number of keys; keys and arguments are to follow.
    Command by_hash(std::size_t keys) const;
    Command by_source(std::size_t keys) const;

private:
    std::string source_;
    std::string sha1_hex_;
};

}  // namespace qck::redis
