#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace qck::net {

/// Whom to ask.
struct HttpPeer {
    bool secure = false;
    std::string host;  ///< IPv6 without brackets
    std::uint16_t port = 80;
    /// PEM file of the authorities to trust; empty: the system's.
    std::string ca_file;
};

/// Why a connection could not be made, or broke before the whole answer was there.
struct HttpFault {
    enum class Kind : std::uint8_t {
        timed_out,
        refused,     ///< the host is there, and nobody listens at the port
        mistrusted,  ///< it showed a certificate that is not to be trusted
        given_up,    ///< the caller did not want to wait any longer
        broken,      ///< anything else
    };
    Kind kind = Kind::broken;
    std::string reason;  ///< `connection refused`, for after a colon
};
[[noreturn]] void throw_exception_from_error(const HttpFault& fault,
                                             const boost::source_location& location);

template <class T>
using HttpResult = boost::system::result<T, HttpFault>;

struct HttpRequest {
    std::string_view method;
    std::string_view target;
    std::string_view host;           ///< the Host field
    std::string_view authorization;  ///< empty: none
    std::string_view content_type;   ///< empty: none
    std::string_view body;
};

struct HttpReply {
    unsigned status = 0;
    std::string content_type;
    std::string body;
};

/// One kept-open HTTP/1.1 connection that blocks its caller, with a deadline for every step: for
/// commands and cold paths. https verifies the certificate and its host. A request is sent once,
/// never repeated: who gets a fault does not know whether it was done. Not thread-safe.
class BlockingHttp {
public:
    /// Asked every 50 ms while it waits; true ends the wait with Kind::given_up.
    using GiveUp = std::function<bool()>;

    /// Name look-ups have the resolver's own time limit.
    static HttpResult<std::unique_ptr<BlockingHttp>> connect(const HttpPeer& peer,
                                                             std::chrono::milliseconds timeout,
                                                             GiveUp give_up = {});
    ~BlockingHttp();
    BlockingHttp(const BlockingHttp&) = delete;
    BlockingHttp& operator=(const BlockingHttp&) = delete;

    /// The request has left, or cannot, when this returns; receive() then says which. `timeout` is
    /// for all of it, from the first byte sent to the last one received.
    void send(const HttpRequest& request, std::chrono::milliseconds timeout);
    /// The answer to what was sent; once for each.
    HttpResult<HttpReply> receive(std::uint64_t answer_bytes_max);
    /// Whether another request may follow: the peer has neither closed, nor announced it, nor said
    /// what nobody asked for.
    bool usable();

private:
    class Stream;
    explicit BlockingHttp(std::unique_ptr<Stream> stream);
    std::unique_ptr<Stream> stream_;
    bool without_body_ = false;  ///< of the answer: a HEAD was sent
    bool keep_alive_ = true;
};

}  // namespace qck::net
