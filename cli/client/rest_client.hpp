#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/net/blocking_http.hpp"

namespace qck::client {

/// An http or https address of a service: `http://127.0.0.1:8081`, `https://api.example/base`;
/// plain `HOST:PORT` is http.
struct ServiceUrl {
    bool secure = false;
    std::string host;  ///< IPv6 without brackets
    std::uint16_t port = 80;
    std::string base_path;  ///< in front of every target; empty or `/…` without a final slash
    std::string text;       ///< as given, for messages
};
/// Fails with "'localhost' is not a service address (try http://127.0.0.1:8081)".
Result<ServiceUrl> parse_service_url(std::string_view text,
                                     std::string_view example = "http://127.0.0.1:8081");
/// The same of an admin listener, whose default port is another.
inline Result<ServiceUrl> parse_admin_url(std::string_view text) {
    return parse_service_url(text, "http://127.0.0.1:9090");
}

struct RestConfig {
    ServiceUrl service;
    /// Sent as `Authorization: Bearer`; never part of a message.
    std::string bearer_token;
    /// PEM file of the authorities to trust; empty: the system's.
    std::string ca_file;
    /// Says on stderr what is waited for longer than two seconds, beginning with this name of the
    /// command; empty: nothing is said.
    std::string command;
    /// Which listener of `qck serve` it is to be, for the message when another one answers.
    enum class Listener : std::uint8_t { api, admin } listener = Listener::api;
    /// What to do when nobody answers, e.g. "start one with `qck serve`, or set --api".
    std::string unreachable_hint;
    std::chrono::milliseconds connect_timeout{5'000};
    /// From sending a request to the end of its answer.
    std::chrono::milliseconds request_timeout{30'000};
    std::uint64_t answer_bytes_max = 64 * 1024 * 1024;
    /// Asked while it waits; true ends the wait at once with an error. May be empty.
    net::BlockingHttp::GiveUp give_up;
};

struct RestAnswer {
    unsigned status = 0;
    std::string content_type;
    std::string body;
};

/// A blocking HTTP/1.1 client of one service, over one connection that is kept open; for commands
/// and other cold paths. https verifies the certificate and its host against the system's trust
/// store or the authorities given. A request is sent once, never repeated by itself: who gets an
/// error after sending does not know whether it was done. Not thread-safe.
class RestClient {
public:
    explicit RestClient(RestConfig config);
    ~RestClient();
    RestClient(RestClient&&) noexcept;
    RestClient& operator=(RestClient&&) noexcept;

    /// Any answer, whatever its status. Errc::unavailable when the service cannot be reached
    /// ("cannot reach http://127.0.0.1:8081: connection refused (hint)"), Errc::timed_out, or
    /// Errc::io when the connection broke before the answer came.
    Result<RestAnswer> send(std::string_view method, std::string_view target,
                            std::string_view body = {},
                            std::string_view content_type = "application/json");

    /// As send(), but an answer that is no success becomes an Error: the `detail` of its problem
    /// document, with the Errc that belongs to its status (400, 422 invalid_argument; 401, 403
    /// permission; 404 not_found; 409 conflict; else unavailable).
    Result<RestAnswer> call(std::string_view method, std::string_view target,
                            std::string_view body = {},
                            std::string_view content_type = "application/json");

private:
    RestConfig config_;
    std::unique_ptr<net::BlockingHttp>
        connection_;  ///< null until the first request and after an error
};

}  // namespace qck::client
