#include "cli/commands/live_view.hpp"

#include <cstdio>
#include <utility>

#include "loadgen/report/live_json.hpp"
#include "loadgen/report/live_page.hpp"

namespace qck::commands {
namespace {

constexpr std::chrono::seconds end_told_within{1};

/// The page's scripts and styles stand within it, and those of a report within that; it asks for
/// nothing but its server, and nobody may frame it to have its button pressed.
constexpr const char* page_headers =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src "
    "'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n";

PageSite site_of(const EventFeed& feed, std::function<void()> stop) {
    PageSite site;
    site.thread_name = "qck-live-view";
    site.by_address_only = true;
    site.events_path = "/events";
    site.feed = &feed;
    const auto page = [html = report::live_page()] {
        return PageAnswer{200, "text/html; charset=utf-8", html, page_headers};
    };
    site.routes.push_back({"GET", "/", page, ""});
    if (stop) {
        const auto press = [stop = std::move(stop)] {
            stop();
            return PageAnswer{202, "text/plain; charset=utf-8", "stopping\n", ""};
        };
        site.routes.push_back({"POST", "/stop", press, "Qck-Stop"});
    }
    return site;
}

}  // namespace

Result<std::unique_ptr<LiveView>> LiveView::wanted_by(const BenchOptions& options,
                                                      InterruptWatch& interrupts) {
    if (options.ui.empty()) return nullptr;
    auto view = open(options.ui, [&interrupts] { interrupts.ask(); });
    if (view && !options.quiet) {
        std::fprintf(stderr, "qck bench: live view at %s%s\n", (*view)->url().c_str(),
                     (*view)->is_loopback() ? "" : " (whoever reaches it can end the run)");
    }
    return view;
}

Result<std::unique_ptr<LiveView>> LiveView::open(const std::string& address,
                                                 std::function<void()> stop) {
    std::unique_ptr<LiveView> view(new LiveView);
    auto server = PageServer::start(address, site_of(view->feed_, std::move(stop)));
    if (!server) return error(server.error().code, "--ui: " + server.error().message);
    view->server_ = std::move(*server);
    return view;
}

ProgressSink LiveView::sink_of(LiveView* view) {
    if (view == nullptr) return {};
    return [view](const scenario::Plan& plan, const record::Progress& progress) {
        view->show(plan, progress);
    };
}

void LiveView::aim(std::string target, std::string note) {
    target_ = std::move(target);
    note_ = std::move(note);
}

void LiveView::show(const scenario::Plan& plan, const record::Progress& progress) {
    if (!running_ || progress.elapsed < elapsed_)
        feed_.begin(report::live_head(plan, target_, note_));
    running_ = true;
    elapsed_ = progress.elapsed;
    feed_.add_state(report::live_state(plan, progress));
    feed_.set_agents(report::live_agents(progress));
    server_->tell();
}

void LiveView::end(std::string_view status, std::string_view conclusion, std::string_view html) {
    running_ = false;
    feed_.end(report::live_end(status, conclusion, html));
    server_->tell_all(end_told_within);
}

}  // namespace qck::commands
