#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/head.hpp"
#include "base/net/address.hpp"

namespace qck::http_server {

/// A complete response of the generic path (API, ingest, admin, problems). The redirect path writes
/// its ready-made bytes instead.
struct Response {
    std::uint16_t status = 200;
    std::string content_type = "application/json";
    std::string body;
    /// Further headers, names and values without line ends, e.g. {"Retry-After", "1"}.
    std::vector<std::pair<std::string, std::string>> headers;
};

/// `application/problem+json` (RFC 9457). `type` is the stable last part, e.g. "invalid-link".
Response problem(std::uint16_t status, std::string_view type, std::string_view detail);

/// One request as a handler sees it; views live until the handler returns.
struct Request {
    const http::RequestHead& head;
    std::string_view body;       ///< whole and decoded from its framing
    const net::Address& peer;
    std::int64_t now_ns;         ///< the reactor's time
};

class Session;

/// The right to answer one request later, from any thread. Exactly one answer goes out: when it is
/// destroyed unanswered, or answered after its session went away, nothing leaks and a live client gets 500.
/// Movable; thread-safe in that one thread at a time owns it.
class PendingReply {
public:
    struct Channel;  ///< the server's side
    PendingReply(std::shared_ptr<Channel> channel, std::uint32_t slot, std::uint64_t generation);
    PendingReply(PendingReply&&) noexcept = default;
    PendingReply& operator=(PendingReply&&) noexcept = default;
    ~PendingReply();

    void answer(Response response);

private:
    std::shared_ptr<Channel> channel_;
    std::uint32_t slot_ = 0;
    std::uint64_t generation_ = 0;
};

/// What a handler does with a request: answers it now, or takes the right to answer it later.
/// While a later answer is open, no further request of that connection is handled.
class Exchange {
public:
    explicit Exchange(Session& session) : session_(session) {}
    void answer(const Response& response);
    PendingReply answer_later();
    Session& session() { return session_; }

private:
    Session& session_;
};

/// A listener's requests end here. One per reactor; called on the reactor's thread.
class Handler {
public:
    virtual ~Handler() = default;
    virtual void handle(const Request& request, Exchange& exchange) = 0;
};

}  // namespace qck::http_server
