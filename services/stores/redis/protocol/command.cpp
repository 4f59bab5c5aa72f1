#include "services/stores/redis/protocol/command.hpp"

#include <array>
#include <charconv>

#include "services/stores/redis/protocol/key_slot.hpp"

namespace qck::redis {
namespace {

void append_count(std::string& to, char sign, std::size_t count) {
    std::array<char, 24> line;
    line[0] = sign;
    char* end = std::to_chars(line.data() + 1, line.data() + line.size() - 2, count).ptr;
    *end++ = '\r';
    *end++ = '\n';
    to.append(line.data(), static_cast<std::size_t>(end - line.data()));
}

}  // namespace

Command& Command::arg(std::string_view word) & {
    constexpr std::size_t framing_bytes_max = 26;  // $, a length, two line ends
    body_.reserve(body_.size() + word.size() + framing_bytes_max);
    append_count(body_, '$', word.size());
    body_ += word;
    body_ += "\r\n";
    ++words_;
    return *this;
}

Command& Command::key(std::string_view word) & {
    if (slot_ < 0) slot_ = static_cast<std::int16_t>(slot_of_key(word));
    return arg(word);
}

Command& Command::repeatable() & {
    repeatable_ = true;
    return *this;
}

Command& Command::from_replica() & {
    replica_ = true;
    return repeatable();
}

void Command::encode(std::string& to) const {
    append_count(to, '*', words_);
    to += body_;
}

std::string_view Command::name() const {
    std::size_t bytes = 0;
    const auto [end, failure] =
        std::from_chars(body_.data() + 1, body_.data() + body_.size(), bytes);
    if (failure != std::errc{}) return {};
    return std::string_view(body_).substr(static_cast<std::size_t>(end - body_.data()) + 2, bytes);
}

}  // namespace qck::redis
