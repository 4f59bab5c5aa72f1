#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "cli/commands/event_feed.hpp"

namespace qck::commands {

struct PageAnswer {
    unsigned status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
    std::string headers;  ///< further ones, each ended by CR LF
};

struct PageRoute {
    std::string method;
    std::string path;  ///< what follows a ? does not count
    /// Called on the server's thread.
    std::function<PageAnswer()> answer;
    /// A header without which the answer is 403; empty: none. Pages of other sites cannot send one
    /// of their own without being allowed to.
    std::string header;
};

/// What is served, and to whom.
struct PageSite {
    std::string thread_name;
    std::vector<PageRoute> routes;
    std::string events_path;          ///< answers GET with `feed`; empty: no such place
    const EventFeed* feed = nullptr;  ///< outlives the server
    /// Asked for by address or as localhost only, so that no name that is made to lead here (DNS
    /// rebinding) can be used by the pages of another site.
    bool by_address_only = false;
};

/// A small HTTP/1.1 server for whoever watches a command that is at work, on a thread of its own.
///
/// Bounded: 32 connections (a further one is closed), one request on each, of 8 KB, within 2
/// seconds; whoever does not read what it is sent for 5 seconds is let go. Ends with its object.
class PageServer {
public:
    static constexpr std::size_t connections_max = 32;

    /// Listens on HOST:PORT; port 0 takes a free one. Errors name the place, not who wanted it.
    static Result<std::unique_ptr<PageServer>> start(const std::string& address, PageSite site);
    ~PageServer();
    PageServer(const PageServer&) = delete;
    PageServer& operator=(const PageServer&) = delete;

    /// `http://127.0.0.1:7777`.
    const std::string& origin() const { return origin_; }
    bool is_loopback() const { return is_loopback_; }
    /// Readers of events are told what the feed has that they have not had. Any thread.
    void tell();
    /// Waits until they all have it; false when they have not in time. Any thread but the server's.
    bool tell_all(std::chrono::milliseconds within);

private:
    class Loop;
    PageServer(std::unique_ptr<Loop> loop, std::string origin, bool is_loopback);

    const std::string origin_;
    const bool is_loopback_;
    std::unique_ptr<Loop> loop_;
    std::thread thread_;
};

}  // namespace qck::commands
