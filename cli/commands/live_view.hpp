#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/bench_run.hpp"
#include "cli/commands/event_feed.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/page_server.hpp"
#include "loadgen/report/report.hpp"

namespace qck::commands {

/// `--ui HOST:PORT`: a page that shows a run while it goes, has a button that ends it early, and
/// shows its report afterwards. `GET /` is the page, `GET /events` what it is told (server-sent
/// events), `POST /stop` its button. Runs may follow each other; the page goes on with the next.
///
/// It is served by a thread of its own; what it is told comes from the thread that waits for the
/// run. No thread that offers load knows of it. Calls may come from one thread at a time.
class LiveView {
public:
    /// As open(), by --ui, with the button as a first signal for `interrupts`; says on stderr where
    /// it is. Null when nobody wants it.
    static Result<std::unique_ptr<LiveView>> wanted_by(const BenchOptions& options,
                                                       InterruptWatch& interrupts);
    /// Port 0 takes a free one. Errors name the flag. `stop` is called by the server's thread; an
    /// empty one leaves nothing to press.
    static Result<std::unique_ptr<LiveView>> open(const std::string& address,
                                                  std::function<void()> stop);
    /// What tells `view`, which may be null, how a run goes.
    static ProgressSink sink_of(LiveView* view);
    LiveView(const LiveView&) = delete;
    LiveView& operator=(const LiveView&) = delete;

    /// `http://127.0.0.1:7777/`.
    std::string url() const { return server_->origin() + "/"; }
    bool is_loopback() const { return server_->is_loopback(); }

    /// Where the runs that follow go to.
    void aim(std::string target, std::string note);
    /// A run that has gone back in time is a new one.
    void show(const scenario::Plan& plan, const record::Progress& progress);
    /// The last run has ended: `html` is its report as a page, empty where there is none. Waits
    /// until whoever watches has it, for a second at most.
    void end(std::string_view status, std::string_view conclusion, std::string_view html);

private:
    LiveView() = default;

    EventFeed feed_;
    std::string target_;
    std::string note_;
    bool running_ = false;
    std::chrono::nanoseconds elapsed_{};
    std::unique_ptr<PageServer> server_;
};

}  // namespace qck::commands
