#include "loadgen/engine/response_reader.hpp"

#include <algorithm>
#include <limits>

namespace qck::engine {

using http::ParseStatus;

void HeadMemo::remember(std::string_view head, const http::ResponseHead& parsed) {
    length_ = 0;
    const bool plain =
        parsed.framing == http::Framing::none || parsed.framing == http::Framing::content_length;
    if (!plain || !parsed.keep_alive || head.size() > head_.size()) return;
    std::copy(head.begin(), head.end(), head_.begin());
    length_ = head.size();
    status_ = parsed.status;
    body_bytes_ = parsed.framing == http::Framing::none ? 0 : parsed.content_length;
}

void ResponseReader::restart() {
    pending_.clear();
    in_body_ = false;
    keep_alive_ = true;
}

ParseStatus ResponseReader::take(std::string_view in, http::Method method, HeadMemo& memo,
                                 std::size_t& consumed) {
    if (in_body_) return take_body(in, consumed);
    if (pending_.empty() && method != http::Method::head && memo.matches(in) &&
        memo.has_whole(in)) {
        status_ = memo.status();
        keep_alive_ = true;
        consumed = memo.whole_bytes();
        return ParseStatus::complete;
    }
    return take_head(in, method, memo, consumed);
}

ParseStatus ResponseReader::take_head(std::string_view in, http::Method method, HeadMemo& memo,
                                      std::size_t& consumed) {
    const std::size_t earlier = pending_.size();
    if (earlier == 0) parser_.reset(method);
    std::string_view buffer = in;
    if (earlier != 0) {
        pending_.append(in);
        buffer = pending_;
    }
    switch (parser_.parse(buffer)) {
        case ParseStatus::failed:
            return ParseStatus::failed;
        case ParseStatus::need_more:
            if (earlier == 0) pending_.assign(in);
            consumed = in.size();
            return ParseStatus::need_more;
        case ParseStatus::complete:
            break;
    }
    const http::ResponseHead& head = parser_.head();
    const std::size_t head_bytes = parser_.head_bytes();
    status_ = head.status;
    keep_alive_ = head.keep_alive;
    if (method != http::Method::head) memo.remember(buffer.substr(0, head_bytes), head);
    const std::size_t head_in = head_bytes - earlier;
    body_.start(head.framing, head.content_length, std::numeric_limits<std::uint64_t>::max());
    in_body_ = true;
    std::size_t body_in = 0;
    const ParseStatus status = take_body(in.substr(head_in), body_in);
    pending_.clear();
    consumed = head_in + body_in;
    return status;
}

ParseStatus ResponseReader::take_body(std::string_view in, std::size_t& consumed) {
    const ParseStatus status = body_.feed(in, nullptr, consumed);
    if (status == ParseStatus::complete) in_body_ = false;
    return status;
}

ParseStatus ResponseReader::finish() {
    if (!in_body_) return ParseStatus::failed;
    keep_alive_ = false;
    return body_.finish();
}

}  // namespace qck::engine
