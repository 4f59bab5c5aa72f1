#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "loadgen/fleet/protocol/message.hpp"

namespace qck::fleet {

/// How two sides find out that they speak the same protocol and know the same token, which itself
/// is never sent: each says 32 random bytes, and proves by HMAC-SHA256 (RFC 2104) under the token
/// over both sides' bytes and its own role that it knows it. So neither can give the other's proof
/// back, nor one that it heard another time. Proofs are compared in constant time.
///
/// An empty token is one as well; where it may be used is the caller's to decide. Not thread-safe.
class Greeting {
public:
    /// `mine`: what is to be said; its nonce is drawn here.
    Greeting(Hello mine, std::string token);

    /// To be sent first.
    const Hello& hello() const { return mine_; }
    /// What the other side said; what is to be answered, if anything. When it fails, the error's
    /// message is to be said to the other side as a Refusal.
    Result<std::optional<Message>> take(const Message& message);
    bool is_done() const { return proven_; }
    /// Who the other side is; after its hello.
    const Hello& peer() const { return *peer_; }

private:
    Result<void> check(const Hello& theirs) const;
    std::string proof_of(Role role) const;

    Hello mine_;
    std::string token_;
    std::optional<Hello> peer_;
    bool proven_ = false;
};

/// `host` of a Hello for this process: equal for processes that share a kernel and its counters of
/// the network.
std::string this_host();

}  // namespace qck::fleet
