#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/net/address.hpp"
#include "base/net/reactor.hpp"
#include "base/net/tls.hpp"

namespace qck::redis {

/// Told what happens to a Transport. None of these runs within a call of the transport but flush(),
/// which may say on_closed(). The transport may be closed and started again from any of them.
class TransportOwner {
public:
    virtual ~TransportOwner() = default;
    /// Connected, and with TLS shaken hands.
    virtual void on_connected() = 0;
    virtual void on_bytes(std::string_view bytes) = 0;
    /// What flush() could not send has been sent.
    virtual void on_drained() = 0;
    /// The connection is gone, or was never made; close() has been called already.
    virtual void on_closed(const Error& why) = 0;
};

/// A non-blocking byte stream over TCP, with TLS or without, on a reactor. One thread: the
/// reactor's.
class Transport : private net::EventHandler {
public:
    Transport(net::Reactor& reactor, TransportOwner& owner) : reactor_(reactor), owner_(owner) {}
    ~Transport() override { close(); }
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Begins to connect; `tls` is null for plain TCP and outlives the connection; `host` is what
    /// its certificate must name.
    Result<void> start(const net::Address& to, const net::TlsClientContext* tls,
                       const std::string& host);
    /// Says nothing to the owner.
    void close();

    /// Append here what to send, then flush().
    std::string& output() { return output_; }
    /// Sends as much as the socket takes; the rest follows when it can.
    void flush();
    /// Bytes wait for the socket.
    bool is_congested() const { return congested_; }

private:
    void on_events(std::uint32_t events) override;
    void on_connect_finished();
    void carry_on_handshake();
    void receive();
    void receive_tls();
    void fail(Error why);
    void set_interest(std::uint32_t events);

    enum class Stage : std::uint8_t { closed, connecting, handshake, open };

    net::Reactor& reactor_;
    TransportOwner& owner_;
    net::Fd fd_;
    net::TlsStream tls_;  ///< after fd_: ends before it
    Stage stage_ = Stage::closed;
    std::uint64_t incarnation_ = 0;  ///< raised by close(): what ran before it must stop
    std::uint32_t interest_ = 0;
    bool congested_ = false;
    std::string output_;
    std::size_t output_sent_ = 0;
    std::array<char, 16 * 1024> input_;
};

}  // namespace qck::redis
