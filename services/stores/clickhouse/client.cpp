#include "services/stores/clickhouse/client.hpp"

#include <algorithm>
#include <boost/beast/core/detail/base64.hpp>
#include <random>
#include <utility>

#include "base/clock.hpp"
#include "base/http/target.hpp"
#include "services/stores/clickhouse/server_exception.hpp"

namespace qck::clickhouse {
namespace {

std::string basic_authorization(const ClickhouseUrl& url) {
    namespace base64 = boost::beast::detail::base64;
    const std::string plain = url.user + ":" + url.password;
    std::string encoded(base64::encoded_size(plain.size()), '\0');
    encoded.resize(base64::encode(encoded.data(), plain.data(), plain.size()));
    return "Basic " + encoded;
}

std::string without_line_end(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace

Client::Client(ClientConfig config)
    : config_(std::move(config)),
      authorization_(basic_authorization(config_.url)),
      random_((std::uint64_t{std::random_device{}()} << 32) + std::random_device{}()) {
    for (const Node& node : config_.url.nodes) {
        nodes_.emplace_back().address = node;
    }
    current_ = random_.next() % nodes_.size();
}

void Client::failed(NodeState& node) {
    node.connection.reset();
    node.version_known = false;
    node.back_off = std::clamp(2 * node.back_off, config_.retry_first, config_.retry_max);
    const auto full = std::chrono::nanoseconds(node.back_off).count();
    const auto less = static_cast<std::int64_t>(random_.next_share() * 0.5 * double(full));
    node.not_before_ns = monotonic_ns() + full - less;
}

Result<std::size_t> Client::pick() {
    const std::int64_t now = monotonic_ns();
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
        const std::size_t index = (current_ + n) % nodes_.size();
        if (nodes_[index].not_before_ns <= now) return current_ = index;
    }
    return error(Errc::unavailable,
                 "no node of ClickHouse answers at " + config_.url.text() + " (is it running?)");
}

Result<void> Client::connect(NodeState& node) {
    if (node.connection && !node.connection->usable()) node.connection.reset();
    if (node.connection) return {};
    auto opened = HttpConnection::open(node.address, config_.url.ca_file, config_.connect_timeout,
                                       node.refuses);
    if (!opened) return opened.error();
    node.connection = std::move(*opened);
    return {};
}

Result<std::string> Client::answer_of(NodeState& node) {
    auto answer = node.connection->end_post(config_.answer_bytes_max);
    if (!answer) {
        failed(node);
        return answer.error();
    }
    if (answer->status != 200 && exception_code(answer->body) == 0) {
        failed(node);
        return error(Errc::io,
                     "status " + std::to_string(answer->status) + " from " + node.address.text() +
                         ", and not by ClickHouse itself: what it was asked may still run "
                         "(is there a proxy before it?)");
    }
    node.back_off = {};
    node.not_before_ns = 0;
    if (answer->status == 200) return std::move(answer->body);
    return server_exception(node.address.text(), answer->status, answer->body);
}

Result<std::string> Client::query_at(std::size_t index, std::string_view text,
                                     std::string_view settings) {
    NodeState& node = nodes_[index];
    if (const auto connected = connect(node); !connected) {
        failed(node);
        return connected.error();
    }
    // So that a failure in the middle of an answer is an error and not a short answer.
    node.connection->begin_post("/?wait_end_of_query=1" + std::string(settings), authorization_,
                                text, config_.request_timeout);
    return answer_of(node);
}

Result<std::string> Client::query(std::string_view text) {
    for (std::size_t tried = 0;;) {
        const auto index = pick();
        if (!index) return index.error();
        auto answer = query_at(*index, text);
        if (answer || nodes_[*index].not_before_ns == 0) return answer;
        if (++tried >= nodes_.size()) return answer;
    }
}

InsertOutcome Client::begin_insert(std::string_view statement, std::string_view body,
                                   std::string_view settings) {
    for (std::size_t tried = 0;; ++tried) {
        const auto index = pick();
        if (!index) return {index.error(), 0, false};
        NodeState& node = nodes_[*index];
        if (const auto connected = connect(node); !connected) {
            // Nothing was sent, so another node may have it.
            failed(node);
            if (tried + 1 >= nodes_.size()) return {connected.error(), *index, false};
            continue;
        }
        node.connection->begin_post(
            "/?query=" + http::percent_encode(statement) + std::string(settings), authorization_,
            body, config_.request_timeout);
        inserting_ = *index;
        return {{}, *index, false};
    }
}

InsertOutcome Client::end_insert() {
    NodeState& node = nodes_[inserting_];
    const auto answer = answer_of(node);
    if (answer) return {{}, inserting_, false};
    const bool unanswered = node.connection == nullptr;
    return {answer.error(), inserting_, unanswered || answer.error().code == Errc::conflict};
}

Result<ServerVersion> Client::version() {
    const auto index = pick();
    if (!index) return index.error();
    if (nodes_[*index].version_known) return nodes_[*index].version;
    const auto text = query("SELECT version()");
    if (!text) return text.error();
    const auto version = parse_server_version(without_line_end(*text));
    if (!version) return version.error();
    NodeState& node = nodes_[current_];
    node.version = *version;
    node.version_known = true;
    return node.version;
}

}  // namespace qck::clickhouse
