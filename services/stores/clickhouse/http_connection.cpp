#include "services/stores/clickhouse/http_connection.hpp"

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/version.hpp"

namespace qck::clickhouse {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Request = http::request<http::span_body<const char>>;
using AnswerParser = http::response_parser<http::string_body>;

/// `connection refused` rather than `Connection refused`: messages go on after a colon.
std::string reason(const error_code& failed) {
    if (failed == beast::error::timeout) return "no answer in time";
    std::string text = failed.message();
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] + 32);
    return text;
}

}  // namespace

/// Timeouts of Beast's streams need asynchronous operations, so each step starts one and runs the
/// context until it is done.
class HttpConnection::Stream {
public:
    explicit Stream(bool secure) : tls_(asio::ssl::context::tls_client), plain_(context_) {
        if (secure) secure_.emplace(context_, tls_);
    }

    error_code connect(const Node& node, std::chrono::milliseconds timeout) {
        error_code failed;
        tcp::resolver resolver(context_);
        const auto addresses = resolver.resolve(node.host, std::to_string(node.port), failed);
        if (failed) return failed;
        lowest().expires_after(timeout);
        failed = run([&](auto done) { lowest().async_connect(addresses, std::move(done)); });
        if (failed) return failed;
        lowest().socket().set_option(tcp::no_delay(true), failed);
        return secure_ ? handshake(node) : error_code{};
    }

    void send(const Request& request, std::chrono::milliseconds timeout) {
        answer_by_ = std::chrono::steady_clock::now() + timeout;
        lowest().expires_at(answer_by_);
        unsent_ = secure_ ? send_over(*secure_, request) : send_over(plain_, request);
        lowest().expires_never();
    }

    error_code receive(AnswerParser& answer) {
        lowest().expires_at(answer_by_);
        const auto unread = secure_ ? receive_over(*secure_, answer) : receive_over(plain_, answer);
        lowest().expires_never();
        // A server that refuses a body early answers and closes: its answer is worth more than the
        // broken pipe.
        return unread && unsent_ ? unsent_ : unread;
    }

    /// The server has closed an idle connection meanwhile, or said what nobody asked for.
    bool is_stale() {
        char byte = 0;
        const auto got =
            ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got > 0) return !secure_;  // over TLS it may be a session ticket
        return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }

private:
    beast::tcp_stream& lowest() { return secure_ ? secure_->next_layer() : plain_; }

    template <class Start>
    error_code run(Start start) {
        error_code outcome;
        start([&outcome](const error_code& failed, auto&&...) { outcome = failed; });
        context_.restart();
        context_.run();
        return outcome;
    }

    error_code handshake(const Node& node) {
        error_code failed;
        tls_.set_default_verify_paths(failed);
        if (failed) return failed;
        secure_->set_verify_mode(asio::ssl::verify_peer);
        secure_->set_verify_callback(asio::ssl::host_name_verification(node.host));
        SSL_set_tlsext_host_name(secure_->native_handle(), node.host.c_str());
        return run([&](auto done) {
            secure_->async_handshake(asio::ssl::stream_base::client, std::move(done));
        });
    }

    template <class Under>
    error_code send_over(Under& under, const Request& request) {
        return run([&](auto done) { http::async_write(under, request, std::move(done)); });
    }
    template <class Under>
    error_code receive_over(Under& under, AnswerParser& answer) {
        return run([&](auto done) { http::async_read(under, buffer_, answer, std::move(done)); });
    }

    asio::io_context context_{1};
    asio::ssl::context tls_;
    beast::tcp_stream plain_;
    std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
    beast::flat_buffer buffer_;
    std::chrono::steady_clock::time_point answer_by_;
    error_code unsent_;  ///< why the request did not leave whole
};

HttpConnection::HttpConnection(Node node, std::unique_ptr<Stream> stream)
    : node_(std::move(node)), stream_(std::move(stream)) {}
HttpConnection::~HttpConnection() = default;

Result<std::unique_ptr<HttpConnection>> HttpConnection::open(const Node& node,
                                                             std::chrono::milliseconds timeout,
                                                             bool& refused) {
    auto stream = std::make_unique<Stream>(node.secure);
    const auto failed = stream->connect(node, timeout);
    refused = failed == asio::error::connection_refused;
    if (failed) {
        return error(failed == beast::error::timeout ? Errc::timed_out : Errc::unavailable,
                     "cannot reach ClickHouse at " + node.text() + ": " + reason(failed) +
                         " (is it running? set --clickhouse)");
    }
    return std::unique_ptr<HttpConnection>(new HttpConnection(node, std::move(stream)));
}

void HttpConnection::begin_post(std::string_view target, std::string_view authorization,
                                std::string_view body, std::chrono::milliseconds timeout) {
    Request request;
    request.method(http::verb::post);
    request.target(target);
    request.set(http::field::host, node_.text().substr(node_.secure ? 8 : 7));
    request.set(http::field::user_agent, std::string("qck/") + version);
    request.set(http::field::authorization, authorization);
    request.body() = beast::span<const char>(body.data(), body.size());
    request.prepare_payload();
    stream_->send(request, timeout);
}

Result<HttpAnswer> HttpConnection::end_post(std::size_t answer_bytes_max) {
    AnswerParser answer;
    answer.body_limit(answer_bytes_max);
    if (const auto failed = stream_->receive(answer)) {
        keep_alive_ = false;
        return error(
            failed == beast::error::timeout ? Errc::timed_out : Errc::io,
            "lost ClickHouse at " + node_.text() + " before it answered: " + reason(failed));
    }
    keep_alive_ = answer.keep_alive();
    auto message = answer.release();
    return HttpAnswer{message.result_int(), std::move(message.body())};
}

bool HttpConnection::usable() { return keep_alive_ && !stream_->is_stale(); }

}  // namespace qck::clickhouse
