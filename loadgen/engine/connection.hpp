#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/net/address.hpp"
#include "base/net/fd.hpp"
#include "base/net/tls.hpp"
#include "loadgen/engine/response_reader.hpp"
#include "loadgen/record/accounting.hpp"
#include "loadgen/record/worker_record.hpp"

namespace qck::engine {

/// One connection to the target, over and over: its socket, and the requests that are on it.
///
/// It only moves bytes and remembers; what a byte or an error means for the run is the worker's.
/// Belongs to one worker thread.
class Connection {
public:
    enum class State : std::uint8_t {
        closed,  ///< opens again at retry_at_ns
        connecting,
        handshaking,
        open,
    };
    /// What a transfer came to.
    struct Transfer {
        enum class Kind : std::uint8_t { moved, blocked, ended, broken } kind = Kind::blocked;
        std::size_t bytes = 0;
        record::Cause cause = record::Cause::other;  ///< of broken
    };

    Connection(const http::Limits& limits, std::uint32_t depth)
        : reader(limits), requests_(depth) {}

    /// Begins a non-blocking connect, from `from` where that is given (its port does not count);
    /// the cause when that fails at once.
    std::optional<record::Cause> start_connect(const net::Address& to, const net::Address* from);
    /// Of a connect that became ready: nothing when it is connected.
    std::optional<record::Cause> connect_outcome() const;
    Transfer receive(char* into, std::size_t bytes_max);
    Transfer send(std::string_view bytes);
    void close();

    std::uint32_t depth() const { return static_cast<std::uint32_t>(requests_.size()); }
    std::uint32_t open_requests() const { return count_; }
    bool has_room() const {
        return state == State::open && count_ < requests_.size() && unsent_bytes.empty() && !retire;
    }
    /// Needs has_room().
    void push(const record::WorkerRecord::Sent& request) {
        std::size_t at = first_ + count_++;
        if (at >= requests_.size()) at -= requests_.size();
        requests_[at] = request;
    }
    const record::WorkerRecord::Sent& front() const { return requests_[first_]; }
    void pop() {
        if (++first_ == requests_.size()) first_ = 0;
        --count_;
    }

    net::Fd socket;
    std::optional<net::TlsStream> tls;
    ResponseReader reader;
    std::string unsent_bytes;  ///< what the socket did not take yet
    State state = State::closed;
    bool in_ready = false;       ///< stands in the worker's queue of connections with room
    bool retire = false;         ///< to be closed and opened anew when its last request has ended
    bool proven = false;         ///< has answered since it was opened
    std::uint32_t place = 0;     ///< among the worker's connections
    std::uint32_t failures = 0;  ///< to open, in a row; decides the back-off
    std::int64_t retry_at_ns = 0;
    std::int64_t connect_by_ns = 0;

private:
    std::vector<record::WorkerRecord::Sent> requests_;  ///< ring, oldest at first_
    std::size_t first_ = 0;
    std::uint32_t count_ = 0;
};

/// Why an operation on a socket failed, by its errno.
record::Cause cause_of_errno(int errno_value);

}  // namespace qck::engine
