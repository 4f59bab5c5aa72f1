#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/net/address.hpp"
#include "base/net/fd.hpp"

namespace qck::test {

/// What a client knows of one link: how often it asked (at least in part), and how many answers it
/// read.
struct LinkLedger {
    std::uint64_t received_at_most = 0;
    std::uint64_t answered = 0;
};

/// Asks for links over one pipelined connection, in a thread, until the server goes or it is told
/// to stop, and keeps books: a request whose first byte was given to the kernel may have been
/// received, and one whose answer was read to its end was answered.
class CountingClient {
public:
    CountingClient(const net::Address& server, std::vector<std::string> codes, std::uint32_t seed);
    /// stop().
    ~CountingClient();
    CountingClient(const CountingClient&) = delete;
    CountingClient& operator=(const CountingClient&) = delete;

    /// Sends no more, reads every answer that still comes, ends.
    void stop();
    /// Waits until it has read so many answers in all, or can get no more, at most ten seconds.
    void wait_for_answers(std::uint64_t wanted) const;
    /// By position in `codes`; after stop().
    const std::vector<LinkLedger>& ledger() const { return ledger_; }

private:
    void run(const net::Address& server);
    bool exchange(int socket);
    bool read_answers(int socket, const std::vector<std::size_t>& asked);

    std::vector<std::string> codes_;
    std::vector<LinkLedger> ledger_;
    std::mt19937 random_;
    std::string input_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> answers_{0};
    std::atomic<bool> over_{false};
    std::thread thread_;
};

}  // namespace qck::test
