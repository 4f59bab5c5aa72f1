#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/net/fd.hpp"
#include "base/net/tls.hpp"
#include "loadgen/fleet/protocol/frame.hpp"
#include "loadgen/fleet/protocol/message.hpp"

namespace qck::fleet {

/// Messages over one connection. Never blocks; wait for poll_events() in between. Belongs to one
/// thread.
class Peer {
public:
    /// A connected (or connecting) non-blocking socket; `tls` is of it.
    explicit Peer(net::Fd socket, std::optional<net::TlsStream> tls = std::nullopt)
        : socket_(std::move(socket)), tls_(std::move(tls)) {}

    int fd() const { return socket_.get(); }
    /// POLLIN, and POLLOUT while something waits to be sent.
    short poll_events() const;
    /// Larger frames are taken from here on.
    void trust() { reader_.set_limit(frame_bytes_max); }

    /// Sends it, as far as the socket takes it; the rest with later calls of flush(). A connection
    /// that broke is told by receive().
    void send(const Message& message);
    void flush();
    /// Whether all that was to be sent has been.
    bool is_flushed() const { return out_.empty(); }
    /// What has come, in order. Fails when the connection has ended or what came makes no sense,
    /// with Errc::permission when the other side's certificate is not trusted; messages that came
    /// whole before that are in `into`.
    Result<void> receive(std::vector<Message>& into);

private:
    /// Bytes, or 0 when there are none now.
    Result<std::size_t> read_some(char* into, std::size_t bytes_max);
    Result<std::size_t> write_some();
    Error tls_failed() const;

    net::Fd socket_;
    std::optional<net::TlsStream> tls_;
    FrameReader reader_;
    std::string out_;
    bool wants_write_ = false;  ///< TLS has to write before it can read
    std::optional<Error> broken_;
};

}  // namespace qck::fleet
