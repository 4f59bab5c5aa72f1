// How answers leave: at once, when the peer takes them, or when what they promise is durable.
#include <sys/socket.h>

#include <cerrno>

#include "base/clock.hpp"
#include "base/http/serializer.hpp"
#include "services/http_server/server.hpp"
#include "services/http_server/session.hpp"

namespace qck::http_server {

void Session::write_response(const Response& response) {
    if (!response.ready_made.empty()) return server_.output_.append(response.ready_made);
    // Both are the server's, so that their memory is not asked for again and again.
    std::vector<http::HeaderField>& headers = server_.head_fields_;
    std::string& head = server_.head_;
    headers.clear();
    head.clear();
    for (const auto& [name, value] : response.headers) headers.push_back({name, value});
    http::ResponseFields fields;
    fields.status = response.status;
    fields.keep_alive = keep_alive_;
    fields.date = server_.date_.at(wall_ms() / 1000);
    fields.content_type = response.content_type;
    fields.headers = headers;
    http::append_response_head(head, fields, response.body.size());
    server_.output_.append(head);
    if (!head_only_) server_.output_.append(response.body);
}

/// Of the response that begins there in the output (RFC 9112 appendix C.2.2).
void Session::say_keep_alive(std::size_t from) {
    if (!keep_alive_) return;
    const auto line = server_.output_.view().find("\r\n", from);
    if (line != std::string_view::npos) {
        server_.output_.insert(line + 2, "Connection: keep-alive\r\n");
    }
}

void Session::resume(const Response& response) {
    client_left_.reset();
    server_.output_.clear();
    // What is ready-made has said already whether the connection goes on.
    if (server_.draining_ && response.ready_made.empty()) keep_alive_ = false;
    close_after_ = !keep_alive_;
    write_response(response);
    if (old_client_) say_keep_alive(0);
    ++unreported_;
    state_ = close_after_ ? State::lingering : State::reading;
    flush();
    // What the peer sent meanwhile waits in carry_, within TLS, or in the kernel.
    if (state_ != State::reading || !unsent_.empty()) return;
    interest(EPOLLIN);
    if (has_input()) read_and_process();
}

void Session::flush() {
    const std::string_view output = server_.output_.view();
    const std::uint64_t mark =
        server_.gate_ != nullptr && !output.empty() ? server_.gate_->mark() : 0;
    if (mark != 0 || is_held()) {
        unsent_.append(output);
        if (mark > held_mark_) {
            held_mark_ = mark;
            server_.held_.push_back({mark, slot_, generation_});
        }
        return interest(0U);
    }
    if (!output.empty()) {
        const std::size_t sent = unsent_.empty() ? transmit(output) : 0;
        if (state_ == State::closed) return;
        if (sent < output.size()) {
            unsent_.append(output.substr(sent));
            return await_taking();
        }
    }
    after_sending();
}

void Session::release(std::uint64_t mark) {
    if (!is_held() || mark < held_mark_) return;
    held_mark_ = 0;
    send_unsent();
    if (state_ == State::closed) return;
    if (!unsent_.empty()) return await_taking();
    if (state_ >= State::waiting) return;
    interest(EPOLLIN);
    if (has_input()) read_and_process();
}

/// How long a peer may take is known when it is first found slow, and grows with what there is to
/// take, never with how slowly it does.
void Session::await_taking() {
    const std::size_t bytes = unsent().size();
    expect_within(server_.config_.write_timeout +
                  std::chrono::milliseconds(bytes * 1000 / server_.config_.write_bytes_per_s_min));
    interest(write_wants_read_ ? EPOLLIN : EPOLLOUT);
}

void Session::send_unsent() {
    unsent_from_ += transmit(unsent());
    if (state_ == State::closed) return;
    if (!unsent().empty()) return interest(write_wants_read_ ? EPOLLIN : EPOLLOUT);
    unsent_.clear();
    unsent_from_ = 0;
    if (unsent_.capacity() > kept_bytes_max) unsent_.shrink_to_fit();
    after_sending();
}

std::size_t Session::transmit(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const std::string_view rest = bytes.substr(sent);
        bool failed = false;
        std::size_t taken = 0;
        if (tls_) {
            const net::TlsTransfer transfer = tls_.write(rest);
            taken = transfer.bytes;
            write_wants_read_ = transfer.status == net::TlsStatus::want_read;
            failed = transfer.status == net::TlsStatus::failed ||
                     transfer.status == net::TlsStatus::closed;
        } else {
            const ssize_t count = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
            if (count >= 0) taken = static_cast<std::size_t>(count);
            failed = count < 0 && errno != EAGAIN && errno != EINTR;
        }
        if (failed) {
            server_.counters_.resets.add();
            close();
            return sent;
        }
        if (taken == 0) break;
        sent += taken;
    }
    return sent;
}

void Session::after_sending() {
    if (unreported_ != 0) {
        server_.counters_.requests.add(unreported_);
        server_.handler_.answered(unreported_, server_.reactor_.read_clock() - asked_at_ns_);
        unreported_ = 0;
    }
    // A drain that came while answers were under way left the connection to them.
    if (server_.draining_ && is_idle()) state_ = State::lingering;
    if (state_ == State::lingering) {
        if (tls_) tls_.shutdown();
        ::shutdown(fd_.get(), SHUT_WR);
        carry_.clear();
        expect_within(linger_time);
        interest(EPOLLIN);
        return;
    }
    if (state_ == State::reading && !head_begun_) expect_within(server_.config_.idle_timeout);
}

}  // namespace qck::http_server
