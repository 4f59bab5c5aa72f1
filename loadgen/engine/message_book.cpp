#include "loadgen/engine/message_book.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/http/serializer.hpp"
#include "base/random.hpp"
#include "base/version.hpp"

namespace qck::engine {
namespace {

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

/// A code that is nobody's: 16 digits of a hash, so that caches of unknown codes see all different
/// ones.
void append_unknown(std::string& out, std::uint64_t n) {
    static constexpr char digit[] = "0123456789abcdef";
    std::uint64_t hash = mix64(n ^ 0x756e6b6e6f776e);
    out += "nobody";
    for (int at = 0; at < 10; ++at, hash >>= 4) out += digit[hash & 15];
}

}  // namespace

MessageBook::Pieces MessageBook::split(const std::string& text) {
    static constexpr std::array<std::pair<std::string_view, Slot>, 3> slots{
        {{"{link}", Slot::link}, {"{unknown}", Slot::unknown}, {"{n}", Slot::n}}};
    Pieces pieces(1);
    for (std::size_t at = 0; at < text.size();) {
        const std::string_view rest = std::string_view(text).substr(at);
        const auto slot = std::find_if(slots.begin(), slots.end(), [&](const auto& one) {
            return rest.starts_with(one.first);
        });
        if (slot == slots.end()) {
            pieces.back().text += text[at++];
            continue;
        }
        pieces.back().slot = slot->second;
        pieces.emplace_back();
        at += slot->first.size();
    }
    return pieces;
}

bool MessageBook::varies(const Pieces& pieces, bool also_by_link) {
    return std::any_of(pieces.begin(), pieces.end(), [&](const Piece& piece) {
        return piece.slot != Slot::none && (also_by_link || piece.slot != Slot::link);
    });
}

MessageBook::MessageBook(const scenario::Plan& plan, const std::string& host_header,
                         const std::string& api_host_header, const schedule::RequestMix& mix)
    : hot_(plan.links.hot), tail_prefix_(plan.links.tail_prefix) {
    for (const scenario::RequestKind& kind : plan.requests) {
        for (const bool head : {false, true}) {
            for (const bool bot : {false, true}) {
                const std::string& host = kind.to_api ? api_host_header : host_header;
                messages_.push_back(make(plan, kind, host, head, bot));
            }
        }
    }
    if (!mix.always_same()) return;
    const schedule::Choice choice = mix.choose(0);
    only_ = messages_[index_of(choice.kind, choice.head, choice.bot)].fixed;
}

MessageBook::Message MessageBook::make(const scenario::Plan& plan,
                                       const scenario::RequestKind& kind,
                                       const std::string& host_header, bool head, bool bot) const {
    const http::Method method =
        head && kind.method == http::Method::get ? http::Method::head : kind.method;
    const std::string agent =
        plan.user_agent.empty() ? "qck/" + std::string(version) + " (load test)" : plan.user_agent;
    // The last piece of a path ends in no slot, so what follows it is added to that piece.
    Message message;
    message.head = split(kind.path);
    message.head.front().text.insert(0, std::string(http::method_name(method)) + " ");
    std::string& text = message.head.back().text;
    text += " HTTP/1.1\r\nHost: " + host_header +
            "\r\nUser-Agent: " + (bot ? plan.bot_user_agent : agent) + "\r\n";
    for (const auto& [name, value] : kind.headers) text += name + ": " + value + "\r\n";
    const bool takes_body = method == http::Method::post || method == http::Method::put ||
                            method == http::Method::patch;
    if (Pieces body = split(kind.body); varies(body, true)) {
        text += "Content-Length: ";
        message.body = std::move(body);
    } else {
        if (takes_body || !kind.body.empty()) {
            text += "Content-Length: " + std::to_string(kind.body.size()) + "\r\n";
        }
        text += "\r\n" + kind.body;
    }
    if (!varies(message.head, false) && !varies(message.body, false)) {
        append_message(message.fixed, message, scenario::link_hot, 0);
    }
    return message;
}

void MessageBook::append_pieces(std::string& out, const Pieces& pieces, std::uint32_t link,
                                std::uint64_t n) const {
    for (const Piece& piece : pieces) {
        out += piece.text;
        if (piece.slot == Slot::n) {
            append_number(out, n);
        } else if (piece.slot == Slot::unknown ||
                   (piece.slot == Slot::link && link == scenario::link_unknown)) {
            append_unknown(out, n);
        } else if (piece.slot == Slot::link) {
            if (link == scenario::link_hot || link == scenario::link_none) {
                out += hot_;
            } else {
                out += tail_prefix_;
                append_number(out, link);
            }
        }
    }
}

void MessageBook::append_message(std::string& out, const Message& message, std::uint32_t link,
                                 std::uint64_t n) const {
    append_pieces(out, message.head, link, n);
    if (message.body.empty()) return;
    std::string body;
    append_pieces(body, message.body, link, n);
    append_number(out, body.size());
    out += "\r\n\r\n";
    out += body;
}

void MessageBook::append(std::string& out, const schedule::Choice& choice, std::uint64_t n) const {
    const Message& message = messages_[index_of(choice.kind, choice.head, choice.bot)];
    const bool as_hot = choice.link == scenario::link_hot || choice.link == scenario::link_none;
    if (as_hot && !message.fixed.empty()) {
        out += message.fixed;
    } else {
        append_message(out, message, choice.link, n);
    }
}

}  // namespace qck::engine
