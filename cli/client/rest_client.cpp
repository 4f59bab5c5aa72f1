#include "cli/client/rest_client.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/version.hpp"

namespace qck::client {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

/// Every API takes so much.
constexpr std::size_t small_body_bytes = 4096;

std::string lowered(std::string text) {
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] + 32);
    return text;
}

/// `host` and `port` of the part between `//` and the path; false when it is none.
bool split_authority(std::string_view authority, ServiceUrl& url) {
    std::string_view port;
    bool has_port = false;
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return false;
        url.host = authority.substr(1, end - 1);
        authority.remove_prefix(end + 1);
        has_port = authority.starts_with(':');
        if (!authority.empty() && !has_port) return false;
        if (has_port) port = authority.substr(1);
    } else {
        const auto colon = authority.find(':');
        url.host = authority.substr(0, colon);
        has_port = colon != std::string_view::npos;
        if (has_port) port = authority.substr(colon + 1);
    }
    if (url.host.empty() || url.host.find_first_of("@ \\") != std::string::npos) return false;
    if (!has_port) return true;
    const auto end = port.data() + port.size();
    const auto parsed = std::from_chars(port.data(), end, url.port);
    return parsed.ec == std::errc{} && parsed.ptr == end && url.port != 0;
}

Errc errc_of(unsigned status) {
    switch (status) {
        case 400:
        case 413:
        case 414:
        case 422:
            return Errc::invalid_argument;
        case 401:
        case 403:
            return Errc::permission;
        case 404:
            return Errc::not_found;
        case 409:
            return Errc::conflict;
        default:
            return Errc::unavailable;
    }
}

}  // namespace

Result<ServiceUrl> parse_service_url(std::string_view text) {
    ServiceUrl url;
    url.text = text;
    std::string_view rest = text;
    if (rest.starts_with("https://")) {
        url.secure = true;
        url.port = 443;
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
    } else if (rest.find("://") != std::string_view::npos || rest.find(':') == std::string::npos) {
        rest = {};  // another scheme, or a host without its port
    } else {
        url.text = "http://" + url.text;
    }
    const auto slash = std::min(rest.find('/'), rest.size());
    url.base_path = rest.substr(slash);
    while (url.base_path.ends_with('/')) url.base_path.pop_back();
    while (url.text.ends_with('/')) url.text.pop_back();
    if (!split_authority(rest.substr(0, slash), url) ||
        url.base_path.find_first_of("?# ") != std::string::npos) {
        return error(Errc::invalid_argument, "'" + std::string(text) +
                                                 "' is not a service address (try "
                                                 "http://127.0.0.1:8081)");
    }
    return url;
}

/// One open connection. Timeouts of Beast's streams need asynchronous operations, so each step
/// starts one and runs the context until it is done.
class RestClient::Connection {
public:
    static Result<std::unique_ptr<Connection>> open(const RestConfig& config) {
        std::unique_ptr<Connection> connection(new Connection);
        const auto failed = config.service.secure ? connection->open_secure(config)
                                                  : connection->connect(connection->plain_, config);
        if (failed) {
            return is_mistrust(failed) ? connection->mistrusted(config)
                                       : unreachable(config, failed);
        }
        return connection;
    }

    /// Whether the service has closed an idle connection meanwhile.
    bool is_stale() {
        char byte = 0;
        const auto got =
            ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        // Over TLS what lies there may be a session ticket; in plain text nobody asked for it.
        if (got > 0) return !secure_;
        return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }

    error_code exchange(const http::request<http::span_body<const char>>& request,
                        http::response_parser<http::string_body>& answer,
                        std::chrono::milliseconds timeout) {
        lowest().expires_after(timeout);
        const auto failed = secure_ ? exchange_over(*secure_, request, answer)
                                    : exchange_over(plain_, request, answer);
        lowest().expires_never();
        return failed;
    }

private:
    Connection() : tls_(asio::ssl::context::tls_client), plain_(context_) {}

    beast::tcp_stream& lowest() { return secure_ ? secure_->next_layer() : plain_; }

    /// Whether the service showed a certificate, and it was refused.
    static bool is_mistrust(const error_code& failed) {
        return failed.category() == asio::error::get_ssl_category() &&
               ERR_GET_REASON(static_cast<unsigned long>(failed.value())) ==
                   SSL_R_CERTIFICATE_VERIFY_FAILED;
    }
    Error mistrusted(const RestConfig& config) {
        const long why = SSL_get_verify_result(secure_->native_handle());
        // The authority is known and only the name is another's.
        if (why == X509_V_OK || why == X509_V_ERR_UNSPECIFIED) {
            return error(Errc::unavailable, "does not trust " + config.service.text +
                                                ": its certificate is not for " +
                                                config.service.host);
        }
        const std::string reason = lowered(X509_verify_cert_error_string(why));
        return error(Errc::unavailable, "does not trust " + config.service.text + ": " + reason +
                                            " (give its authority, or itself, with --ca FILE)");
    }

    static Error unreachable(const RestConfig& config, const error_code& failed) {
        const bool late = failed == beast::error::timeout;
        std::string message = "cannot reach " + config.service.text + ": " +
                              (late ? "no answer in time" : lowered(failed.message()));
        if (!config.unreachable_hint.empty()) message += " (" + config.unreachable_hint + ")";
        return error(Errc::unavailable, std::move(message));
    }

    /// Runs one asynchronous operation to its end.
    template <class Start>
    error_code run(Start start) {
        error_code outcome;
        start([&outcome](const error_code& failed, auto&&...) { outcome = failed; });
        context_.restart();
        context_.run();
        return outcome;
    }

    error_code connect(beast::tcp_stream& stream, const RestConfig& config) {
        error_code failed;
        tcp::resolver resolver(context_);
        const auto addresses =
            resolver.resolve(config.service.host, std::to_string(config.service.port), failed);
        if (failed) return failed;
        stream.expires_after(config.connect_timeout);
        failed = run([&](auto done) { stream.async_connect(addresses, std::move(done)); });
        if (failed) return failed;
        stream.socket().set_option(tcp::no_delay(true), failed);
        return {};
    }

    error_code open_secure(const RestConfig& config) {
        error_code failed;
        if (config.ca_file.empty()) {
            tls_.set_default_verify_paths(failed);
        } else {
            tls_.load_verify_file(config.ca_file, failed);
        }
        if (failed) return failed;
        secure_.emplace(context_, tls_);
        secure_->set_verify_mode(asio::ssl::verify_peer);
        secure_->set_verify_callback(asio::ssl::host_name_verification(config.service.host));
        SSL_set_tlsext_host_name(secure_->native_handle(), config.service.host.c_str());
        failed = connect(secure_->next_layer(), config);
        if (failed) return failed;
        return run([&](auto done) {
            secure_->async_handshake(asio::ssl::stream_base::client, std::move(done));
        });
    }

    template <class Stream>
    error_code exchange_over(Stream& stream,
                             const http::request<http::span_body<const char>>& request,
                             http::response_parser<http::string_body>& answer) {
        const auto unsent =
            run([&](auto done) { http::async_write(stream, request, std::move(done)); });
        // A service that refuses a body early answers and closes: its answer is worth more than
        // the broken pipe.
        const auto unread =
            run([&](auto done) { http::async_read(stream, buffer_, answer, std::move(done)); });
        return unread && unsent ? unsent : unread;
    }

    asio::io_context context_{1};
    asio::ssl::context tls_;
    beast::tcp_stream plain_;
    std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
    beast::flat_buffer buffer_;
};

RestClient::RestClient(RestConfig config) : config_(std::move(config)) {}
RestClient::~RestClient() = default;
RestClient::RestClient(RestClient&&) noexcept = default;
RestClient& RestClient::operator=(RestClient&&) noexcept = default;

Result<RestAnswer> RestClient::send(std::string_view method, std::string_view target,
                                    std::string_view body, std::string_view content_type) {
    if (connection_ && connection_->is_stale()) connection_.reset();
    if (!connection_) {
        auto opened = Connection::open(config_);
        if (!opened) return opened.error();
        connection_ = std::move(*opened);
    }
    http::request<http::span_body<const char>> request;
    request.method_string(method);
    request.target(config_.service.base_path + std::string(target));
    const bool is_ipv6 = config_.service.host.find(':') != std::string::npos;
    request.set(http::field::host,
                (is_ipv6 ? "[" + config_.service.host + "]" : config_.service.host) + ":" +
                    std::to_string(config_.service.port));
    request.set(http::field::user_agent, std::string("qck/") + version);
    if (!config_.bearer_token.empty()) {
        request.set(http::field::authorization, "Bearer " + config_.bearer_token);
    }
    if (!body.empty()) request.set(http::field::content_type, content_type);
    request.body() = beast::span<const char>(body.data(), body.size());
    request.prepare_payload();

    http::response_parser<http::string_body> answer;
    answer.body_limit(config_.answer_bytes_max);
    if (method == "HEAD") answer.skip(true);
    const auto failed = connection_->exchange(request, answer, config_.request_timeout);
    if (failed) {
        connection_.reset();
        const bool late = failed == beast::error::timeout;
        return error(late ? Errc::timed_out : Errc::io,
                     "lost " + config_.service.text + " before it answered: " +
                         (late ? "no answer in time" : lowered(failed.message())));
    }
    auto message = answer.release();
    if (!message.keep_alive()) connection_.reset();
    return RestAnswer{message.result_int(), std::string(message[http::field::content_type]),
                      std::move(message.body())};
}

Result<RestAnswer> RestClient::call(std::string_view method, std::string_view target,
                                    std::string_view body, std::string_view content_type) {
    auto answer = send(method, target, body, content_type);
    if (!answer || answer->status / 100 == 2) return answer;
    const auto document = nlohmann::json::parse(answer->body, nullptr, false);
    const auto code = errc_of(answer->status);
    // What the redirect listener answers to whatever is asked of it; it takes no bodies at all.
    const std::string type =
        document.is_object() && document.contains("type") && document["type"].is_string()
            ? document["type"].get<std::string>()
            : std::string();
    const bool redirects = type == "urn:qck:no-such-link" ||
                           (answer->status == 405 &&
                            answer->body.find("links answer GET and HEAD") != std::string::npos) ||
                           (answer->status == 413 && body.size() < small_body_bytes);
    if (redirects) {
        return error(Errc::unavailable, config_.service.text +
                                            " answers redirects, and is no links API (its address "
                                            "is the one that `qck serve` calls api)");
    }
    if (document.is_object() && document.contains("detail") && document["detail"].is_string()) {
        const auto detail = document["detail"].get<std::string>();
        if (code == Errc::permission) {
            return error(code,
                         config_.service.text + " refused the token (set --token or QCK_TOKEN)");
        }
        return error(code, detail);
    }
    return error(code, config_.service.text + " answered " + std::to_string(answer->status) +
                           " without saying why (is it a qck service?)");
}

}  // namespace qck::client
