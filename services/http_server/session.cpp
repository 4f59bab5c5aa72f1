#include "services/http_server/session.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/clock.hpp"
#include "base/http/serializer.hpp"
#include "services/http_server/server.hpp"

namespace qck::http_server {
namespace {

/// TLS records that are read for one event, before others have their turn.
constexpr int reads_per_event = 8;
constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

/// The bodies under way need more memory than all may have.
Response bodies_exceed_memory() {
    Response response = problem(503, "overloaded", "too much is being sent at a time");
    response.headers.emplace_back("Retry-After", "1");
    return response;
}

}  // namespace

Session::Session(Server& server, net::Fd fd, const net::Address& peer, std::uint32_t slot,
                 std::uint64_t generation, net::TlsStream tls)
    : server_(server),
      fd_(std::move(fd)),
      tls_(std::move(tls)),
      peer_(peer),
      slot_(slot),
      generation_(generation),
      state_(tls_ ? State::handshake : State::reading),
      parser_(server.config_.limits) {
    expect_within(tls_ ? server.config_.head_timeout : server.config_.idle_timeout);
}

void Session::on_events(std::uint32_t events) {
    if (state_ == State::closed) return;
    if ((events & EPOLLERR) != 0) {
        server_.counters_.resets.add();
        return close();
    }
    if (state_ == State::handshake) return shake_hands();
    if ((events & EPOLLHUP) != 0 && (events & EPOLLIN) == 0) return close();
    if (state_ == State::waiting && (events & EPOLLRDHUP) != 0) {
        // Who sends no more may still read the answer.
        note_client_left();
        return interest(0U);
    }
    if (!unsent_.empty() && !is_held()) {
        send_unsent();
        if (state_ == State::closed || !unsent_.empty()) return;
    }
    go_on();
}

void Session::go_on() {
    if (unsent_.empty() && state_ != State::waiting) interest(EPOLLIN);
    read_and_process();
}

void Session::shake_hands() {
    const net::TlsStatus status = tls_.handshake();
    server_.reactor_.read_clock();  // a handshake costs about a millisecond
    switch (status) {
        case net::TlsStatus::ok:
            state_ = State::reading;
            expect_within(server_.config_.idle_timeout);
            interest(EPOLLIN);
            return read_and_process();
        case net::TlsStatus::want_read:
            return interest(EPOLLIN);
        case net::TlsStatus::want_write:
            return interest(EPOLLOUT);
        default:
            return close();
    }
}

void Session::read_and_process() {
    if (state_ == State::lingering) return discard_input();
    if (state_ == State::waiting || !unsent_.empty()) {
        // Level-triggered: what the peer sends meanwhile would wake the reactor over and over.
        const bool watched = state_ == State::waiting && client_left_ && !*client_left_;
        if (unsent_.empty() || is_held()) interest(watched ? EPOLLRDHUP : 0U);
        return;
    }
    char* const input = server_.input_.get();
    bool more = true;
    for (int reads = 0; more && state_ < State::waiting && unsent_.empty(); ++reads) {
        // The kernel tells of what it has again; what TLS has taken in is for us to remember.
        if (reads == reads_per_event) return server_.go_on_later(*this);
        const std::size_t kept = carry_.size();
        std::memcpy(input, carry_.data(), kept);
        const Received received = receive(input + kept, server_.input_bytes_ - kept);
        if (received.bytes + kept > 0) process({input, kept + received.bytes});
        if (received.ended && state_ < State::waiting && unsent_.empty()) close();
        more = received.more;
        if (received.wants_write && state_ < State::waiting && unsent_.empty()) interest(EPOLLOUT);
    }
}

Session::Received Session::receive(char* at, std::size_t room) {
    if (room == 0) return {};
    if (!tls_) {
        const ssize_t got = ::recv(fd_.get(), at, room, 0);
        if (got > 0) return {.bytes = static_cast<std::size_t>(got)};
        return {.ended = got == 0 || (errno != EAGAIN && errno != EINTR)};
    }
    const net::TlsTransfer transfer = tls_.read(at, room);
    return {.bytes = transfer.bytes,
            .ended = transfer.status == net::TlsStatus::closed ||
                     transfer.status == net::TlsStatus::failed,
            // OpenSSL may hold decrypted bytes that no further event announces.
            .more = transfer.status == net::TlsStatus::ok,
            .wants_write = transfer.status == net::TlsStatus::want_write};
}

void Session::process(std::string_view data) {
    Output& output = server_.output_;
    bool incomplete = false;
    asked_at_ns_ = server_.reactor_.now_ns();
    do {
        output.clear();
        while (!incomplete && !data.empty() && state_ < State::waiting &&
               output.size() < server_.config_.output_bytes_max) {
            const std::size_t used = step(data);
            incomplete = used == 0;
            data.remove_prefix(used);
        }
        if (!data.empty() || !carry_.empty()) carry_.assign(data);
        flush();
    } while (!incomplete && !data.empty() && state_ < State::waiting && unsent_.empty());
    if (carry_.empty() && carry_.capacity() > kept_bytes_max) carry_.shrink_to_fit();
}

std::size_t Session::step(std::string_view data) {
    if (state_ == State::body) return go_on_with_body(data);
    switch (parser_.parse(data)) {
        case http::ParseStatus::need_more:
            if (!head_begun_) {
                head_begun_ = true;
                expect_within(server_.config_.head_timeout);
            }
            return 0;
        case http::ParseStatus::failed:
            refuse(parser_.error_status(), parser_.error_reason());
            return data.size();
        case http::ParseStatus::complete:
            break;
    }
    head_begun_ = false;
    const http::RequestHead& head = parser_.head();
    if (head.framing != http::Framing::none) return begin_body(data);
    const std::size_t head_bytes = parser_.head_bytes();
    handle(head, {});
    parser_.reset();
    return head_bytes;
}

std::size_t Session::begin_body(std::string_view data) {
    const http::RequestHead& head = parser_.head();
    const std::size_t head_bytes = parser_.head_bytes();
    const std::uint64_t body_bytes_max = server_.config_.limits.body_bytes_max;
    if (head.framing == http::Framing::content_length) {
        if (head.content_length > body_bytes_max) {
            refuse(413, "the body is longer than " + std::to_string(body_bytes_max) + " bytes");
            return data.size();
        }
        if (data.size() - head_bytes >= head.content_length) {
            const auto body_bytes = static_cast<std::size_t>(head.content_length);
            handle(head, data.substr(head_bytes, body_bytes));
            parser_.reset();
            return head_bytes + body_bytes;
        }
    }
    held_head_.assign(data.substr(0, head_bytes));
    body_.clear();
    decoder_.start(head.framing, head.content_length, body_bytes_max);
    if (head.expect_continue && data.size() == head_bytes)
        server_.output_.append(continue_response);
    state_ = State::body;
    expect_within(server_.config_.body_timeout);
    parser_.reset();
    return head_bytes;
}

std::size_t Session::go_on_with_body(std::string_view data) {
    std::size_t used = 0;
    const std::size_t before = body_.size();
    const http::ParseStatus status = decoder_.feed(data, &body_, used);
    server_.body_bytes_ += body_.size() - before;
    switch (status) {
        case http::ParseStatus::need_more:
            if (server_.body_bytes_ > server_.config_.bodies_bytes_max) {
                refuse(bodies_exceed_memory());
                return data.size();
            }
            return used;
        case http::ParseStatus::failed:
            refuse(decoder_.error_status(), decoder_.error_reason());
            return data.size();
        case http::ParseStatus::complete:
            break;
    }
    // The head came in an earlier read; it parsed then, so it does now.
    state_ = State::reading;
    parser_.parse(held_head_);
    handle(parser_.head(), body_);
    parser_.reset();
    end_body();
    return used;
}

void Session::end_body() {
    server_.body_bytes_ -= body_.size();
    held_head_.clear();
    body_ = {};
}

void Session::handle(const http::RequestHead& head, std::string_view body) {
    keep_alive_ = head.keep_alive && !server_.draining_;
    old_client_ = head.version_minor == 0;
    head_only_ = head.method == http::Method::head;
    close_after_ = !keep_alive_;
    ++unreported_;
    const Request request{head, body, peer_, server_.reactor_.now_ns()};
    Exchange exchange(*this);
    const std::size_t from = server_.output_.size();
    server_.handler_.handle(request, exchange);
    if (old_client_ && state_ != State::waiting) say_keep_alive(from);
    if (close_after_ && state_ == State::reading) state_ = State::lingering;
}

void Session::refuse(std::uint16_t status, std::string_view detail) {
    server_.counters_.bad_requests.add();
    refuse(problem(status, "bad-request", detail));
}

void Session::refuse(const Response& response) {
    keep_alive_ = false;
    head_only_ = false;
    close_after_ = true;
    write_response(response);
    end_body();
    state_ = State::lingering;
}

PendingReply Session::wait_for_answer() {
    state_ = State::waiting;
    --unreported_;  // counts once it is answered
    return PendingReply(server_.channel_, slot_, generation_);
}

void Session::discard_input() {
    const ssize_t got = ::recv(fd_.get(), server_.input_.get(), server_.input_bytes_, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) close();
}

void Session::check_deadline(std::int64_t now_ns) {
    if (now_ns < deadline_ns_ || state_ == State::waiting || is_held()) return;
    const bool request_begun = head_begun_ || state_ == State::body;
    if (state_ != State::lingering && unsent_.empty() && request_begun) {
        server_.counters_.timeouts.add();
        server_.output_.clear();
        refuse(408, "the request did not come in time");
        flush();
        // Whoever did not send in time is not waited for to take this.
        if (state_ != State::closed) expect_within(linger_time);
        return;
    }
    if (state_ != State::lingering && (!unsent_.empty() || state_ == State::handshake)) {
        server_.counters_.timeouts.add();
    }
    close();
}

void Session::drain() {
    if (is_idle()) read_and_process();
    if (state_ == State::closed) return;
    if (is_idle() || state_ == State::handshake) close();
}

bool Session::is_idle() const {
    return state_ == State::reading && !head_begun_ && unsent_.empty() && carry_.empty();
}

bool Session::has_input() const { return !carry_.empty() || (tls_ && tls_.has_pending()); }

void Session::close() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    note_client_left();
    end_body();
    server_.reactor_.unwatch(fd_.get(), *this);
    fd_.reset();
    server_.forget(*this);
}

void Session::note_client_left() {
    if (client_left_) client_left_->store(true, std::memory_order_relaxed);
}

void Session::interest(std::uint32_t events) {
    if (events == interest_) return;
    interest_ = events;
    if (!server_.reactor_.rewatch(fd_.get(), events, *this)) close();
}

void Session::expect_within(std::chrono::milliseconds span) {
    deadline_ns_ = server_.reactor_.now_ns() + std::chrono::nanoseconds(span).count();
}

void Exchange::answer(const Response& response) { session_.write_response(response); }
PendingReply Exchange::answer_later() { return session_.wait_for_answer(); }
std::shared_ptr<const std::atomic<bool>> Exchange::watch_client() {
    session_.client_left_ = std::make_shared<std::atomic<bool>>(false);
    return session_.client_left_;
}
Output& Exchange::output() { return session_.server_.output_; }
bool Exchange::keep_alive() const { return session_.keep_alive_; }

}  // namespace qck::http_server
