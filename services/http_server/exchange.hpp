#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http/head.hpp"
#include "base/net/address.hpp"
#include "services/http_server/output.hpp"

namespace qck::http_server {

/// A complete response of the generic path (API, ingest, admin, problems). The redirect path writes
/// its ready-made bytes to Exchange::output instead.
struct Response {
    std::uint16_t status = 200;
    std::string content_type = "application/json";
    std::string body;
    /// Further headers, names and values without line ends, e.g. {"Retry-After", "1"}.
    std::vector<std::pair<std::string, std::string>> headers;
    /// When not empty, a whole response that is sent as it is, instead of all the above.
    std::string ready_made;
};

/// `application/problem+json` (RFC 9457). `type` is the stable last part, e.g. "invalid-link".
Response problem(std::uint16_t status, std::string_view type, std::string_view detail);

/// One request as a handler sees it; views live until the handler returns.
struct Request {
    const http::RequestHead& head;
    std::string_view body;  ///< whole, and decoded from its framing
    const net::Address& peer;
    std::int64_t now_ns;  ///< the reactor's time
};

class Server;
class Session;

/// The right to answer one request later, from any thread. Exactly one answer goes out: destroyed
/// unanswered, the client gets 500; answered after its connection went away, the answer is dropped.
/// One thread at a time owns it.
class PendingReply {
public:
    struct Channel;  ///< leads back to the server's thread

    PendingReply(std::shared_ptr<Channel> channel, std::uint32_t slot, std::uint64_t generation)
        : channel_(std::move(channel)), slot_(slot), generation_(generation) {}
    PendingReply(PendingReply&&) noexcept = default;
    PendingReply& operator=(PendingReply&& other) noexcept;
    ~PendingReply();

    void answer(Response response);

private:
    std::shared_ptr<Channel> channel_;  ///< null once answered
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
    /// Becomes true when the client goes away, or says that it sends no more, before the request in
    /// hand is answered: for work that nobody should do in vain. Any thread may read it. Call it
    /// with answer_later().
    std::shared_ptr<const std::atomic<bool>> watch_client();

    /// For ready-made answers: the handler appends exactly one whole response. It carries
    /// `Connection: close` when keep_alive() is false.
    Output& output();
    bool keep_alive() const;

private:
    Session& session_;
};

/// A listener's requests end here. One per reactor; called on the reactor's thread.
class Handler {
public:
    virtual ~Handler() = default;
    virtual void handle(const Request& request, Exchange& exchange) = 0;
    /// The answers to `requests` of one connection were handed to the kernel `elapsed_ns` after the
    /// reactor learnt that they had come.
    virtual void answered([[maybe_unused]] std::uint32_t requests,
                          [[maybe_unused]] std::int64_t elapsed_ns) {}
};

/// Holds answers back until what they promise is durable. Used on the reactor's thread.
class OutputGate {
public:
    virtual ~OutputGate() = default;
    /// What must be durable before answers written until now may leave; 0 when nothing is awaited.
    virtual std::uint64_t mark() = 0;
};

}  // namespace qck::http_server
