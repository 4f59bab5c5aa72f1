#include "cli/client/rest_client.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/authority.hpp"
#include "cli/client/wait_notice.hpp"

namespace qck::client {
namespace {

/// Every API takes so much.
constexpr std::size_t small_body_bytes = 4096;

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

Result<ServiceUrl> parse_service_url(std::string_view text, std::string_view example) {
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
    const auto parts = split_authority(rest.substr(0, slash));
    const std::string_view host = parts ? parts->host : std::string_view{};
    url.host = host;
    url.port = parts && parts->port ? *parts->port : url.port;
    if (host.empty() || host.find_first_of("@ \\") != std::string_view::npos ||
        url.base_path.find_first_of("?# ") != std::string::npos) {
        return error(Errc::invalid_argument, "'" + std::string(text) +
                                                 "' is not a service address (try " +
                                                 std::string(example) + ")");
    }
    return url;
}

namespace {

/// Null where nothing is to be said.
std::unique_ptr<WaitNotice> notice_of(const RestConfig& config, std::chrono::milliseconds at_most) {
    if (config.command.empty()) return nullptr;
    return std::make_unique<WaitNotice>(config.command, config.service.text, at_most);
}

/// What was said once, on what is no terminal, is not said again for each request.
struct NoticeOnce {
    RestConfig& config;
    const WaitNotice* notice;
    ~NoticeOnce() {
        if (notice != nullptr && notice->is_said()) config.command.clear();
    }
};

Error not_connected(const RestConfig& config, const net::HttpFault& fault) {
    using Kind = net::HttpFault::Kind;
    if (fault.kind == Kind::mistrusted) {
        const bool named = fault.reason.starts_with("its certificate");
        return error(Errc::unavailable,
                     "does not trust " + config.service.text + ": " + fault.reason +
                         (named ? "" : " (give its authority, or itself, with --ca FILE)"));
    }
    std::string message = "cannot reach " + config.service.text + ": " + fault.reason;
    if (fault.kind != Kind::given_up && !config.unreachable_hint.empty()) {
        message += " (" + config.unreachable_hint + ")";
    }
    return error(Errc::unavailable, std::move(message));
}

std::string host_field(const ServiceUrl& service) {
    return bracketed_host(service.host) + ":" + std::to_string(service.port);
}

/// What a listener of `qck serve` says of itself when it is asked what is another one's; empty when
/// it is the one that was wanted, or the answer does not tell.
std::string_view other_listener(RestConfig::Listener wanted, std::string_view type,
                                std::string_view detail, unsigned status, std::size_t body_bytes) {
    using Listener = RestConfig::Listener;
    // The redirect listener takes no bodies at all.
    const bool redirects = type == "urn:qck:no-such-link" ||
                           (status == 405 && detail.starts_with("links answer GET and HEAD")) ||
                           (status == 413 && body_bytes < small_body_bytes);
    if (redirects) return "answers redirects";
    if (detail == "expected /v1/events, /v1/clicks or /health") return "takes events";
    const bool api = status == 404 && detail == "there is nothing at this path";
    if (api && wanted != Listener::api) return "answers for links";
    const bool admin = type == "urn:qck:no-such-page" ||
                       detail.starts_with("this page of the admin listener takes");
    return admin && wanted != Listener::admin ? "is the admin listener" : "";
}

}  // namespace

RestClient::RestClient(RestConfig config) : config_(std::move(config)) {}
RestClient::~RestClient() = default;
RestClient::RestClient(RestClient&&) noexcept = default;
RestClient& RestClient::operator=(RestClient&&) noexcept = default;

Result<RestAnswer> RestClient::send(std::string_view method, std::string_view target,
                                    std::string_view body, std::string_view content_type) {
    const ServiceUrl& service = config_.service;
    if (connection_ && !connection_->usable()) connection_.reset();
    if (!connection_) {
        const auto notice = notice_of(config_, config_.connect_timeout);
        const NoticeOnce once{config_, notice.get()};
        auto opened = net::BlockingHttp::connect(
            {service.secure, service.host, service.port, config_.ca_file}, config_.connect_timeout,
            config_.give_up);
        if (!opened) return not_connected(config_, opened.error());
        connection_ = std::move(*opened);
    }
    const auto notice = notice_of(config_, config_.request_timeout);
    const NoticeOnce once{config_, notice.get()};
    const std::string path = service.base_path + std::string(target);
    const std::string host = host_field(service);
    const std::string authorization =
        config_.bearer_token.empty() ? std::string() : "Bearer " + config_.bearer_token;
    connection_->send(
        {method, path, host, authorization, body.empty() ? std::string_view{} : content_type, body},
        config_.request_timeout);
    auto reply = connection_->receive(config_.answer_bytes_max);
    if (!reply) {
        connection_.reset();
        const bool late = reply.error().kind == net::HttpFault::Kind::timed_out;
        return error(late ? Errc::timed_out : Errc::io,
                     "lost " + service.text + " before it answered: " + reply.error().reason);
    }
    return RestAnswer{reply->status, std::move(reply->content_type), std::move(reply->body)};
}

Result<RestAnswer> RestClient::call(std::string_view method, std::string_view target,
                                    std::string_view body, std::string_view content_type) {
    auto answer = send(method, target, body, content_type);
    if (!answer || answer->status / 100 == 2) return answer;
    const auto document = nlohmann::json::parse(answer->body, nullptr, false);
    const auto code = errc_of(answer->status);
    const auto text_of = [&document](const char* name) {
        const bool there =
            document.is_object() && document.contains(name) && document[name].is_string();
        return there ? document[name].get<std::string>() : std::string();
    };
    const std::string detail = text_of("detail");
    const std::string_view other =
        other_listener(config_.listener, text_of("type"), detail, answer->status, body.size());
    if (!other.empty()) {
        const bool admin = config_.listener == RestConfig::Listener::admin;
        return error(Errc::unavailable, config_.service.text + " " + std::string(other) +
                                            ", and is no " +
                                            (admin ? "admin listener" : "links API") +
                                            " (its address is the one that `qck serve` calls " +
                                            (admin ? "admin)" : "api)"));
    }
    if (!detail.empty()) {
        if (code == Errc::permission) {
            return error(code,
                         config_.service.text + " refused the token (set --token or QCK_TOKEN)");
        }
        return error(code, detail);
    }
    return error(Errc::unavailable, config_.service.text + " answered " +
                                        std::to_string(answer->status) +
                                        " without saying why (is it a qck service?)");
}

}  // namespace qck::client
