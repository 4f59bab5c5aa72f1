#include "services/stores/redis/connection.hpp"

#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace qck::redis {
namespace {

/// Written at once at most; the rest follows when the socket has taken it.
constexpr std::size_t output_bytes_max = 256 * 1024;

std::string milliseconds_text(std::chrono::milliseconds span) {
    return std::to_string(span.count()) + " ms";
}

/// Why a server that answers a greeting so is not to be used; empty when it may be.
std::string objection_to(const Reply& reply, bool must_be_master) {
    if (reply.is_error()) return "it answers " + std::string(reply.text());
    if (must_be_master && reply.is_array() && reply[0].text() != "master") {
        return "it is no master but a " + std::string(reply[0].text());
    }
    return {};
}

}  // namespace

Connection::Connection(net::Reactor& reactor, Resolver& resolver, const ClientConfig& config,
                       const net::TlsClientContext* tls, Greeting greeting, ConnectionOwner& owner,
                       std::uint64_t seed)
    : reactor_(reactor),
      resolver_(resolver),
      config_(config),
      tls_(tls),
      greeting_(std::move(greeting)),
      owner_(owner),
      transport_(reactor, *this),
      back_off_(config.back_off_first, config.back_off_most, seed) {}

Connection::~Connection() { stop(); }

void Connection::start() {
    if (state_ != State::idle) return;
    state_ = State::connecting;
    begin_attempt();
}

std::vector<Request> Connection::stop() {
    ++attempt_;
    attempt_open_ = false;
    reactor_.cancel(timer_);
    transport_.close();
    state_ = State::idle;
    std::vector<Request> left;
    while (!sent_.empty()) left.push_back(sent_.pop());
    while (!waiting_.empty()) left.push_back(waiting_.pop());
    return left;
}

void Connection::drop(const Error& why) {
    if (state_ != State::idle) lose(why);
}

void Connection::begin_attempt() {
    ++attempt_;
    attempt_open_ = true;
    reactor_.cancel(timer_);
    timer_ = reactor_.after(config_.connect_timeout, [this] {
        lose(
            error(Errc::timed_out, "not reached in " + milliseconds_text(config_.connect_timeout)));
    });
    owner_.on_attempt(*this);
}

void Connection::connect_to(const Endpoint& endpoint) {
    if (!attempt_open_) return;
    attempt_open_ = false;
    endpoint_ = endpoint;
    resolver_.resolve(endpoint, [this, attempt = attempt_](const Result<net::Address>& address) {
        if (attempt != attempt_) return;
        if (!address) {
            lose(address.error());
            return;
        }
        if (auto started = transport_.start(*address, tls_, endpoint_.host); !started) {
            lose(started.error());
        }
    });
}

void Connection::fail_attempt(const Error& why) {
    if (attempt_open_) lose(why);
}

void Connection::on_connected() {
    reader_ = ReplyReader();
    heard_ns_ = monotonic_ns();
    std::string& output = transport_.output();
    const auto say = [&](const Command& command) {
        command.encode(output);
        ++greetings_awaited_;
    };
    greetings_awaited_ = 0;
    awaits_auth_ = !greeting_.password.empty();
    if (awaits_auth_) {
        Command auth("AUTH");
        if (!greeting_.user.empty()) auth.arg(greeting_.user);
        say(auth.arg(greeting_.password));
    }
    if (greeting_.db != 0) say(Command("SELECT").arg(greeting_.db));
    if (greeting_.read_only) say(Command("READONLY"));
    say(Command(greeting_.must_be_master ? "ROLE" : "PING"));
    transport_.flush();
}

void Connection::on_bytes(std::string_view bytes) {
    heard_ns_ = reactor_.now_ns();
    reader_.feed(bytes);
    const auto attempt = attempt_;
    while (attempt == attempt_) {
        auto next = reader_.next();
        if (!next) {
            lose(next.error());
            return;
        }
        if (!next->has_value()) return;
        Reply reply = **std::move(next);
        if (greetings_awaited_ > 0) {
            on_greeting_reply(std::move(reply));
        } else if (sent_.empty()) {
            owner_.on_pushed(*this, std::move(reply));
        } else {
            Request request = sent_.pop();
            if (request.done) owner_.on_reply(*this, std::move(request), std::move(reply));
        }
    }
}

void Connection::on_greeting_reply(Reply&& reply) {
    // AUTH goes first, so its reply comes while all of the others are to come.
    const bool is_of_auth = std::exchange(awaits_auth_, false);
    if (is_of_auth && greeting_.auth_may_be_refused) {
        --greetings_awaited_;
        return;
    }
    if (auto why = objection_to(reply, greeting_.must_be_master); !why.empty()) {
        lose(error(Errc::unavailable, std::move(why)));
        return;
    }
    if (--greetings_awaited_ == 0) greeted();
}

void Connection::greeted() {
    reactor_.cancel(timer_);
    back_off_.reset();
    if (!trouble_.empty()) log::info("redis_reached", {{"server", endpoint_.to_string()}});
    trouble_.clear();
    state_ = State::ready;
    owner_.on_ready(*this);
    flush();
}

void Connection::lose(const Error& why) {
    if (state_ == State::idle) return;
    ++attempt_;
    attempt_open_ = false;
    const bool was_ready = state_ == State::ready;
    reactor_.cancel(timer_);
    transport_.close();
    if (trouble_.empty()) {
        log::warn("redis_lost", {{"server", endpoint_.to_string()}, {"reason", why.message}});
    }
    trouble_ = why.message;
    state_ = was_ready ? State::connecting : State::down;
    std::vector<Request> written;
    std::vector<Request> unwritten;
    while (!sent_.empty()) written.push_back(sent_.pop());
    while (!waiting_.empty()) unwritten.push_back(waiting_.pop());
    timer_ = reactor_.after(back_off_.next(), [this] { begin_attempt(); });
    owner_.on_lost(*this, why, std::move(written), std::move(unwritten));
}

void Connection::write_one(Request&& request) {
    if (request.asking) {
        static const Command asking("ASKING");
        asking.encode(transport_.output());
        sent_.push(Request{});
    }
    request.command.encode(transport_.output());
    sent_.push(std::move(request));
}

void Connection::flush() {
    while (!waiting_.empty() && state_ == State::ready && !transport_.is_congested()) {
        while (!waiting_.empty() && transport_.output().size() < output_bytes_max) {
            Request request = waiting_.pop();
            if (request.done) write_one(std::move(request));
        }
        transport_.flush();
    }
}

void Connection::say(const Command& command) {
    if (state_ != State::ready) return;
    command.encode(transport_.output());
    transport_.flush();
}

void Connection::expire(std::int64_t now_ns) {
    std::size_t overdue = 0;
    const auto give_up = [&](Request& request, const char* what) {
        if (!request.done || request.deadline_ns > now_ns) return;
        ++overdue;
        // What stays has no `done`: its reply, if it comes, is dropped.
        Request gone = std::exchange(request, Request());
        owner_.on_overdue(*this, std::move(gone),
                          error(Errc::timed_out, "redis " + endpoint_.to_string() + what + " in " +
                                                     milliseconds_text(config_.command_timeout)));
    };
    for (std::size_t i = 0; i < sent_.size(); ++i) give_up(sent_[i], " gave no answer");
    const bool hung = overdue > 0;
    for (std::size_t i = 0; i < waiting_.size(); ++i) give_up(waiting_[i], " was not reached");
    while (!waiting_.empty() && !waiting_.front().done) waiting_.pop();
    const auto silent_since = now_ns - std::chrono::nanoseconds(config_.command_timeout).count();
    if (hung && heard_ns_ <= silent_since && state_ == State::ready) {
        lose(error(Errc::timed_out, "silent for " + milliseconds_text(config_.command_timeout)));
    }
}

}  // namespace qck::redis
