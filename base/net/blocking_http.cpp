#include "base/net/blocking_http.hpp"

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
#include <stdexcept>
#include <utility>

#include "base/version.hpp"

namespace qck::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Request = http::request<http::span_body<const char>>;
using AnswerParser = http::response_parser<http::string_body>;

constexpr std::chrono::milliseconds give_up_asked_every{50};

/// `connection refused` rather than `Connection refused`: messages go on after a colon.
std::string lowered(std::string text) {
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] + 32);
    return text;
}

/// Whether the peer showed a certificate, and it was refused.
bool is_mistrust(const error_code& failed) {
    return failed.category() == asio::error::get_ssl_category() &&
           ERR_GET_REASON(static_cast<unsigned long>(failed.value())) ==
               SSL_R_CERTIFICATE_VERIFY_FAILED;
}

}  // namespace

void throw_exception_from_error(const HttpFault& fault, const boost::source_location&) {
    throw std::logic_error("a fault taken for an answer: " + fault.reason);
}

/// Timeouts of Beast's streams need asynchronous operations, so each step starts one and runs the
/// context until it is done.
class BlockingHttp::Stream {
public:
    Stream(bool secure, GiveUp give_up)
        : give_up_(std::move(give_up)), tls_(asio::ssl::context::tls_client), plain_(context_) {
        if (secure) secure_.emplace(context_, tls_);
    }

    error_code connect(const HttpPeer& peer, std::chrono::milliseconds timeout) {
        error_code failed;
        if (secure_) failed = trust(peer);
        if (failed) return failed;
        tcp::resolver resolver(context_);
        const auto addresses = resolver.resolve(peer.host, std::to_string(peer.port), failed);
        if (failed) return failed;
        lowest().expires_after(timeout);
        failed = run([&](auto done) { lowest().async_connect(addresses, std::move(done)); });
        if (failed) return failed;
        lowest().socket().set_option(tcp::no_delay(true), failed);
        if (!secure_) return {};
        return run([&](auto done) {
            secure_->async_handshake(asio::ssl::stream_base::client, std::move(done));
        });
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
        // A peer that refuses a body early answers and closes: its answer is worth more than the
        // broken pipe.
        return unread && unsent_ ? unsent_ : unread;
    }

    /// The peer has closed an idle connection meanwhile, or said what nobody asked for.
    bool is_stale() {
        char byte = 0;
        const auto got =
            ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got > 0) return !secure_;  // over TLS it may be a session ticket
        return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }

    HttpFault fault_of(const error_code& failed, const HttpPeer& peer) {
        using Kind = HttpFault::Kind;
        if (given_up_) return {Kind::given_up, "interrupted"};
        if (failed == beast::error::timeout) return {Kind::timed_out, "no answer in time"};
        if (failed == asio::error::connection_refused) {
            return {Kind::refused, lowered(failed.message())};
        }
        if (!is_mistrust(failed)) return {Kind::broken, lowered(failed.message())};
        const long why = SSL_get_verify_result(secure_->native_handle());
        // The authority is known and only the name is another's.
        if (why == X509_V_OK || why == X509_V_ERR_UNSPECIFIED) {
            return {Kind::mistrusted, "its certificate is not for " + peer.host};
        }
        return {Kind::mistrusted, lowered(X509_verify_cert_error_string(why))};
    }

private:
    beast::tcp_stream& lowest() { return secure_ ? secure_->next_layer() : plain_; }

    error_code trust(const HttpPeer& peer) {
        error_code failed;
        if (peer.ca_file.empty()) {
            tls_.set_default_verify_paths(failed);
        } else {
            tls_.load_verify_file(peer.ca_file, failed);
        }
        if (failed) return failed;
        secure_->set_verify_mode(asio::ssl::verify_peer);
        secure_->set_verify_callback(asio::ssl::host_name_verification(peer.host));
        SSL_set_tlsext_host_name(secure_->native_handle(), peer.host.c_str());
        return {};
    }

    /// Runs one asynchronous operation to its end.
    template <class Start>
    error_code run(Start start) {
        error_code outcome;
        start([&outcome](const error_code& failed, auto&&...) { outcome = failed; });
        context_.restart();
        while (give_up_ && !given_up_ && !context_.stopped()) {
            context_.run_for(give_up_asked_every);
            if (context_.stopped() || !give_up_()) continue;
            given_up_ = true;
            lowest().close();
        }
        context_.run();
        return outcome;
    }

    template <class Under>
    error_code send_over(Under& under, const Request& request) {
        return run([&](auto done) { http::async_write(under, request, std::move(done)); });
    }
    template <class Under>
    error_code receive_over(Under& under, AnswerParser& answer) {
        return run([&](auto done) { http::async_read(under, buffer_, answer, std::move(done)); });
    }

    GiveUp give_up_;
    bool given_up_ = false;
    asio::io_context context_{1};
    asio::ssl::context tls_;
    beast::tcp_stream plain_;
    std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
    beast::flat_buffer buffer_;
    std::chrono::steady_clock::time_point answer_by_;
    error_code unsent_;  ///< why the request did not leave whole
};

BlockingHttp::BlockingHttp(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
BlockingHttp::~BlockingHttp() = default;

HttpResult<std::unique_ptr<BlockingHttp>> BlockingHttp::connect(const HttpPeer& peer,
                                                                std::chrono::milliseconds timeout,
                                                                GiveUp give_up) {
    auto stream = std::make_unique<Stream>(peer.secure, std::move(give_up));
    if (const auto failed = stream->connect(peer, timeout)) return stream->fault_of(failed, peer);
    return std::unique_ptr<BlockingHttp>(new BlockingHttp(std::move(stream)));
}

void BlockingHttp::send(const HttpRequest& request, std::chrono::milliseconds timeout) {
    Request message;
    message.method_string(request.method);
    message.target(request.target);
    message.set(http::field::host, request.host);
    message.set(http::field::user_agent, std::string("qck/") + version);
    if (!request.authorization.empty()) {
        message.set(http::field::authorization, request.authorization);
    }
    if (!request.content_type.empty()) {
        message.set(http::field::content_type, request.content_type);
    }
    message.body() = beast::span<const char>(request.body.data(), request.body.size());
    message.prepare_payload();
    without_body_ = request.method == "HEAD";
    stream_->send(message, timeout);
}

HttpResult<HttpReply> BlockingHttp::receive(std::uint64_t answer_bytes_max) {
    AnswerParser answer;
    answer.body_limit(answer_bytes_max);
    answer.skip(without_body_);
    if (const auto failed = stream_->receive(answer)) {
        keep_alive_ = false;
        return stream_->fault_of(failed, {});
    }
    keep_alive_ = answer.keep_alive();
    auto reply = answer.release();
    return HttpReply{reply.result_int(), std::string(reply[http::field::content_type]),
                     std::move(reply.body())};
}

bool BlockingHttp::usable() { return keep_alive_ && !stream_->is_stale(); }

}  // namespace qck::net
