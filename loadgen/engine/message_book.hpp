#pragma once

#include <string>
#include <vector>

#include "loadgen/scenario/plan.hpp"
#include "loadgen/schedule/request_mix.hpp"

namespace qck::engine {

/// The bytes of every request of a plan, made ready before the run: what does not vary is one copy.
/// Immutable; thread-safe.
class MessageBook {
public:
    /// `host_header` as Target::host_header(), and `api_host_header` that of requests `to_api`.
    /// Placeholders are those of path and body; headers go
    /// out as they are, and hold none that a scenario may not set (scenario::read_requests). `mix`
    /// is of the same plan.
    MessageBook(const scenario::Plan& plan, const std::string& host_header,
                const std::string& api_host_header, const schedule::RequestMix& mix);

    /// Appends request n, which is `choice`.
    void append(std::string& out, const schedule::Choice& choice, std::uint64_t n) const;
    /// Every request is these bytes; empty when they vary.
    const std::string& only() const { return only_; }

private:
    enum class Slot : std::uint8_t { none, link, unknown, n };
    /// Literal bytes, and what is to follow them.
    struct Piece {
        std::string text;
        Slot slot = Slot::none;
    };
    using Pieces = std::vector<Piece>;
    struct Message {
        std::string fixed;  ///< the whole message for the hot link; empty when it varies even then
        Pieces head;        ///< up to the value of Content-Length where the body varies, else all
        Pieces body;        ///< empty where the body does not vary
    };

    static Pieces split(const std::string& text);
    static bool varies(const Pieces& pieces, bool also_by_link);
    void append_pieces(std::string& out, const Pieces& pieces, std::uint32_t link,
                       std::uint64_t n) const;
    void append_message(std::string& out, const Message& message, std::uint32_t link,
                        std::uint64_t n) const;
    Message make(const scenario::Plan& plan, const scenario::RequestKind& kind,
                 const std::string& host_header, bool head, bool bot) const;
    /// By kind, HEAD or not, bot or not.
    static std::size_t index_of(std::size_t kind, bool head, bool bot) {
        return kind * 4 + (head ? 2 : 0) + (bot ? 1 : 0);
    }

    std::string hot_;
    std::string tail_prefix_;
    std::vector<Message> messages_;
    std::string only_;
};

}  // namespace qck::engine
