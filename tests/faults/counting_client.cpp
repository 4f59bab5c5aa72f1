#include "tests/faults/counting_client.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <utility>

#include "tests/support/eventually.hpp"

namespace qck::test {
namespace {

constexpr std::size_t depth_max = 32;

}  // namespace

CountingClient::CountingClient(const net::Address& server, std::vector<std::string> codes,
                               std::uint32_t seed)
    : codes_(std::move(codes)), ledger_(codes_.size()), random_(seed) {
    thread_ = std::thread([this, server] { run(server); });
}

CountingClient::~CountingClient() { stop(); }

void CountingClient::stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
}

void CountingClient::wait_for_answers(std::uint64_t wanted) const {
    within(std::chrono::seconds(10), [&] { return answers_ >= wanted || over_; });
}

void CountingClient::run(const net::Address& server) {
    const net::Fd socket(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{10, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(socket.get(), server.data(), server.length) == 0) {
        while (!stopping_ && exchange(socket.get())) {
        }
    }
    over_ = true;
}

/// One burst of requests and its answers; false when the server is gone.
bool CountingClient::exchange(int socket) {
    std::vector<std::size_t> asked(1 + random_() % depth_max);
    std::string burst;
    std::vector<std::size_t> begins;
    for (auto& which : asked) {
        which = random_() % codes_.size();
        begins.push_back(burst.size());
        burst += "GET /" + codes_[which] +
                 " HTTP/1.1\r\nHost: qck.test\r\nUser-Agent: kill loop\r\n\r\n";
    }
    std::size_t sent = 0;
    bool alive = true;
    while (alive && sent < burst.size()) {
        const ssize_t more = ::send(socket, burst.data() + sent, burst.size() - sent, MSG_NOSIGNAL);
        alive = more > 0;
        if (alive) sent += static_cast<std::size_t>(more);
    }
    for (std::size_t n = 0; n < asked.size(); ++n) {
        if (begins[n] < sent) ++ledger_[asked[n]].received_at_most;
    }
    return read_answers(socket, asked) && alive;
}

/// Also after the server died: what it sent before is still to be read.
bool CountingClient::read_answers(int socket, const std::vector<std::size_t>& asked) {
    for (const std::size_t which : asked) {
        std::size_t end = 0;
        while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
            char buffer[16 * 1024];
            const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
            if (got <= 0) return false;
            input_.append(buffer, static_cast<std::size_t>(got));
        }
        // A redirect has no body; anything else is no answer to a click.
        if (!input_.starts_with("HTTP/1.1 302 ")) return false;
        input_.erase(0, end + 4);
        ++ledger_[which].answered;
        ++answers_;
    }
    return true;
}

}  // namespace qck::test
