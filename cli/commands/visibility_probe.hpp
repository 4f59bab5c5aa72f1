#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "loadgen/report/report.hpp"

namespace qck::commands {

/// Measures, while load is offered, how long after a click the stats API of the service shows it.
///
/// It adds a link of its own, clicks on it every half second, and after each click asks
/// `GET /v1/links/{code}/stats` every 10 ms until that click is counted; the next click waits for
/// that. The link is nobody else's, so what it counts are these clicks alone. It goes through the
/// same listeners, journal and stores as the load, on two connections of its own.
///
/// After a click of which no answer came it stops: whether that one counts is not known. Belongs to
/// the thread that starts it; works on one of its own.
class VisibilityProbe {
public:
    struct Config {
        client::RestConfig redirect;
        client::RestConfig api;
        std::string target_url;     ///< where the link leads
        bool removes_link = false;  ///< at the end; its clicks stay counted
        std::chrono::milliseconds every{500};
        std::chrono::milliseconds poll{10};
        /// A click that is not shown by then is given up, and with it the probe.
        std::chrono::seconds seen_within{10};
    };

    /// Begins at once. `interrupts` outlives it; a signal ends what it waits for.
    VisibilityProbe(Config config, const InterruptWatch& interrupts);
    ~VisibilityProbe();
    VisibilityProbe(const VisibilityProbe&) = delete;
    VisibilityProbe& operator=(const VisibilityProbe&) = delete;

    /// Waits for the click that is under way to be seen, and says what was measured. Once.
    report::Visibility finish();

private:
    void run();
    Result<void> add_link();
    /// Clicks once and waits until that is seen; an error ends the probe.
    Result<void> probe();
    /// Until the next click is due; false when there is to be none.
    bool wait(std::chrono::steady_clock::time_point until);

    Config config_;
    const InterruptWatch& interrupts_;
    client::RestClient redirect_;
    client::RestClient api_;
    report::Visibility found_;
    std::vector<double> delays_s_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  ///< guarded by mutex_
    std::thread thread_;     ///< last: it uses the rest
};

}  // namespace qck::commands
