#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/http/body_decoder.hpp"
#include "base/http/request_parser.hpp"
#include "base/net/address.hpp"
#include "base/net/fd.hpp"
#include "base/net/reactor.hpp"
#include "base/net/tls.hpp"
#include "services/http_server/exchange.hpp"

namespace qck::http_server {

/// One connection: reads requests, hands them to the handler in order, sends the answers.
///
/// Input is read into a buffer that the whole reactor shares; only the rest of a request that is
/// not complete yet is kept here (`carry_`). Answers of one read leave in one send; what the peer
/// does not take is kept in `unsent_`, and nothing more is read from that peer until it has taken
/// it. Answers that are held for durability wait there, all of them for the latest mark. Belongs to
/// the reactor's thread.
class Session final : public net::EventHandler {
public:
    Session(Server& server, net::Fd fd, const net::Address& peer, std::uint32_t slot,
            std::uint64_t generation, net::TlsStream tls);

    void on_events(std::uint32_t events) override;

    /// The later answer has come.
    void resume(const Response& response);
    bool is_waiting() const { return state_ == State::waiting; }
    /// What the gate marked up to `mark` is durable: what was held for no more may leave.
    void release(std::uint64_t mark);
    /// Reads on where an event's bound ended it.
    void go_on();
    /// Closes when a deadline has passed.
    void check_deadline(std::int64_t now_ns);
    /// Answers what has come; closes at once when nothing is under way, otherwise after the answers
    /// that are.
    void drain();
    void close();

    std::uint32_t slot() const { return slot_; }
    std::uint64_t generation() const { return generation_; }

private:
    friend class Exchange;

    /// Requests are taken in those before `waiting`.
    enum class State : std::uint8_t {
        handshake,  ///< TLS
        reading,    ///< of a head, or idle
        body,       ///< of a body that did not come whole with its head
        waiting,    ///< for a later answer
        lingering,  ///< said what there was to say, reads until the peer closes too
        closed,
    };

    struct Received {
        std::size_t bytes = 0;
        bool ended = false;
        bool more = false;         ///< ask again at once
        bool wants_write = false;  ///< TLS has something to say before it reads on
    };

    /// How long a refused peer may go on sending before its connection is cut: closing at once
    /// would reset it, and the reset may overtake the answer.
    static constexpr std::chrono::seconds linger_time{1};
    /// A connection that once had to keep more than this gives the memory back.
    static constexpr std::size_t kept_bytes_max = 4 * 1024;

    void shake_hands();
    void read_and_process();
    void process(std::string_view data);
    std::size_t step(std::string_view data);
    std::size_t begin_body(std::string_view data);
    std::size_t go_on_with_body(std::string_view data);
    void handle(const http::RequestHead& head, std::string_view body);
    void refuse(std::uint16_t status, std::string_view detail);
    void refuse(const Response& response);
    void write_response(const Response& response);
    PendingReply wait_for_answer();
    Received receive(char* at, std::size_t room);
    /// Bytes that the kernel or TLS took; closes when the connection failed.
    std::size_t transmit(std::string_view bytes);
    void flush();
    void send_unsent();
    void await_taking();
    void after_sending();
    void say_keep_alive(std::size_t from);
    void end_body();
    void note_client_left();
    void discard_input();
    /// Nothing is under way.
    bool is_idle() const;
    std::string_view unsent() const { return std::string_view(unsent_).substr(unsent_from_); }
    bool is_held() const { return held_mark_ != 0; }
    /// Input has been taken off the socket and not been looked at.
    bool has_input() const;
    void interest(std::uint32_t events);
    void expect_within(std::chrono::milliseconds span);

    Server& server_;
    net::Fd fd_;
    net::TlsStream tls_;  ///< empty for plain text
    net::Address peer_;
    std::uint32_t slot_;
    std::uint32_t interest_ = EPOLLIN;
    std::uint64_t generation_;
    std::int64_t deadline_ns_ = 0;
    std::int64_t asked_at_ns_ = 0;  ///< when the input in hand came
    std::uint64_t held_mark_ = 0;   ///< unsent_ waits until it is durable; 0: it does not
    State state_;
    bool head_begun_ = false;        ///< the head deadline runs
    bool keep_alive_ = true;         ///< of the request in hand
    bool head_only_ = false;         ///< the request in hand is HEAD
    bool close_after_ = false;       ///< once everything is sent
    bool old_client_ = false;        ///< HTTP/1.0: keep-alive has to be said
    bool write_wants_read_ = false;  ///< TLS has to hear something before it can send on
    std::uint32_t unreported_ = 0;   ///< requests answered since the last flush
    http::RequestParser parser_;
    http::BodyDecoder decoder_;
    std::string carry_;
    std::string unsent_;
    std::size_t unsent_from_ = 0;  ///< what lies before it was taken
    /// Told when the client goes before its later answer; null when nobody asked.
    std::shared_ptr<std::atomic<bool>> client_left_;
    std::string held_head_;  ///< of the request whose body is still coming
    std::string body_;
};

}  // namespace qck::http_server
