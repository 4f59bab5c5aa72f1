#include "cli/commands/burst_watch.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "cli/commands/admin_reply.hpp"
#include "services/links/link_rules.hpp"

namespace qck::commands {
namespace {

using http_server::problem;
using http_server::Response;
using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds webhook_timeout{5'000};

clicks::LinkModesConfig modes_config(const BurstWatch::Config& config, links::LinkStore& store) {
    clicks::LinkModesConfig modes;
    modes.thresholds = config.thresholds;
    modes.codes_of = [&store](std::span<const std::uint64_t> link_ids) {
        return links::codes_in_order(store, link_ids);
    };
    return modes;
}

/// Posts to a webhook; any answer of 2xx is good.
clicks::AlertQueue::Post poster(const std::string& url) {
    client::RestConfig config;
    config.service = *client::parse_service_url(url);
    config.connect_timeout = config.request_timeout = webhook_timeout;
    config.answer_bytes_max = 64 * 1024;
    auto client = std::make_shared<client::RestClient>(std::move(config));
    const bool bare = client::parse_service_url(url)->base_path.empty();
    return [client, bare](const std::string& json) -> Result<void> {
        const auto answer = client->send("POST", bare ? "/" : "", json);
        if (!answer) return answer.error();
        if (answer->status / 100 == 2) return {};
        return error(Errc::unavailable, "the webhook answered " + std::to_string(answer->status));
    };
}

}  // namespace

Result<std::string> parse_webhook(std::string_view text) {
    const auto url = client::parse_service_url(text);
    if (!url || !text.starts_with("http")) {
        return error(Errc::invalid_argument, "'" + std::string(text) +
                                                 "' is not a webhook (try "
                                                 "https://HOST/PATH, without a query)");
    }
    return std::string(text);
}

BurstWatch::BurstWatch(const Config& config, links::LinkStore& store)
    : store_(store), modes_(modes_config(config, store)) {
    if (config.alert_webhook.empty()) return;
    clicks::AlertQueueConfig alerts;
    alerts.jitter_seed = static_cast<std::uint64_t>(wall_ns());
    alerts_ = std::make_unique<clicks::AlertQueue>(poster(config.alert_webhook), alerts);
    modes_.listen([this](const clicks::LinkModeChange& change) {
        if (change.from != change.to) alerts_->push(change, wall_ms());
    });
}

void BurstWatch::stop() {
    modes_.stop();
    alerts_.reset();
}

std::vector<admin::Action> BurstWatch::actions() {
    return {{http::Method::get, "/v1/mode", [this](const admin::Action::Call&) { return list(); }},
            {http::Method::post, "/v1/mode/",
             [this](const admin::Action::Call& call) { return set(call); }}};
}

Response BurstWatch::list() const {
    Json links = Json::array();
    const std::int64_t now_ms = wall_ms();
    for (const auto& standing : modes_.standings()) {
        links.push_back({{"code", standing.code},
                         {"link_id", std::to_string(standing.link_id)},
                         {"mode", clicks::link_mode_names[static_cast<std::size_t>(standing.mode)]},
                         {"clicks_per_s", static_cast<std::int64_t>(standing.rate_per_s)},
                         {"since_ms", now_ms - standing.for_ns / 1'000'000},
                         {"forced", standing.forced},
                         {"local_only", is_local(standing.link_id)}});
    }
    return json_reply({{"links", std::move(links)}});
}

/// The link of a code, as the store says; where it does not answer, as the standings and the caches
/// do. One that was removed can be `freed`.
Result<std::optional<std::uint64_t>> BurstWatch::find(const std::string& code, bool freed) {
    using Found = std::optional<std::uint64_t>;
    const auto link = store_.find(code);
    if (link && *link) return Found((*link)->id);
    if (!link || freed) {
        if (const auto standing = modes_.link_of(code)) return Found(standing);
    }
    if (link) return Found();
    if (const Found cached = cached_ ? cached_(code) : Found()) return cached;
    return link.error();
}

Response BurstWatch::set(const admin::Action::Call& call) {
    const auto asked = nlohmann::json::parse(call.body, nullptr, false);
    if (!asked.is_object() || !asked.contains("mode") || !asked["mode"].is_string()) {
        return problem(400, "invalid-json", R"(expected {"mode": "normal|elevated|burst|auto"})");
    }
    const auto mode = clicks::parse_link_mode(asked["mode"].get<std::string>());
    if (!mode) return error_reply(mode.error(), "invalid-mode");
    if (const auto checked = links::check_code(call.rest); !checked) {
        return error_reply(checked.error(), "invalid-code");
    }
    const auto found = find(call.rest, !*mode || **mode == clicks::LinkMode::normal);
    if (!found) return error_reply(found.error(), "invalid-mode");
    if (!*found) return problem(404, "link-not-found", links::no_such_link(call.rest).message);
    const std::uint64_t link_id = **found;
    const auto done = modes_.force(link_id, call.rest, *mode);
    if (!done) return error_reply(done.error(), "invalid-mode");
    const auto now = modes_.mode_of(link_id);
    Json answer{{"code", call.rest},
                {"mode", clicks::link_mode_names[static_cast<std::size_t>(now)]},
                {"forced", mode->has_value()},
                {"local_only", false}};
    if (share_) {
        const auto shared =
            share_(link_id, call.rest,
                   *mode ? std::string(clicks::link_mode_names[static_cast<std::size_t>(**mode)])
                         : std::string());
        set_local(link_id, !shared);
        if (!shared) {
            answer["local_only"] = true;
            answer["why"] = shared.error().message;
        }
    }
    return json_reply(answer);
}

void BurstWatch::was_set(std::uint64_t link_id, const std::string& code, const std::string& mode) {
    const auto parsed = clicks::parse_link_mode(mode.empty() ? "auto" : mode);
    if (!parsed) return;  // of a newer program
    set_local(link_id, false);
    if (const auto done = modes_.force(link_id, code, *parsed); !done) {
        log::warn("mode_not_taken_up", {{"code", code}, {"error", done.error().message}});
    }
}

bool BurstWatch::is_local(std::uint64_t link_id) const {
    const std::lock_guard lock(mutex_);
    return local_.count(link_id) > 0;
}

void BurstWatch::set_local(std::uint64_t link_id, bool local) {
    const std::lock_guard lock(mutex_);
    if (local) {
        local_.insert(link_id);
    } else {
        local_.erase(link_id);
    }
}

}  // namespace qck::commands
