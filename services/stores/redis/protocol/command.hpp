#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace qck::redis {

/// One command, encoded (RESP2) as it is built, so that sending it is a copy of bytes:
///
///     Command("GET").key("link:abc").from_replica()
///     Command("EVALSHA").arg(sha).arg(2).key(a).key(b).arg(total).repeatable()
///
/// Every key is given by key(), which is how a cluster client knows the slot; keys of one command
/// share a slot.
class Command {
public:
    explicit Command(std::string_view name) { arg(name); }

    Command& arg(std::string_view word) &;
    Command& arg(std::integral auto number) & { return arg(std::to_string(number)); }
    Command& key(std::string_view word) &;
    /// It may be sent again when the connection was lost with its reply: reads, and writes of
    /// absolute values. Others fail with Errc::unavailable, their outcome unknown.
    Command& repeatable() &;
    /// A read that may see an older value: in a cluster any replica of the slot may answer.
    /// Includes repeatable().
    Command& from_replica() &;

    Command&& arg(auto word) && { return std::move(arg(word)); }
    Command&& key(std::string_view word) && { return std::move(key(word)); }
    Command&& repeatable() && { return std::move(repeatable()); }
    Command&& from_replica() && { return std::move(from_replica()); }

    /// Appends what goes over the wire.
    void encode(std::string& to) const;
    std::size_t encoded_bytes() const { return body_.size() + 16; }
    /// Of the first key; nothing for commands without keys.
    std::optional<std::uint16_t> slot() const {
        return slot_ < 0 ? std::nullopt : std::optional(static_cast<std::uint16_t>(slot_));
    }
    bool may_repeat() const { return repeatable_; }
    bool may_use_replica() const { return replica_; }
    /// `GET`, for errors. Never the arguments, which may be secret.
    std::string_view name() const;

private:
    std::string body_;  ///< the words, each `$<bytes>\r\n<word>\r\n`
    std::uint32_t words_ = 0;
    std::int16_t slot_ = -1;
    bool repeatable_ = false;
    bool replica_ = false;
};

}  // namespace qck::redis
