#include "services/ingest/ingest_handler.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

#include "base/clock.hpp"
#include "base/http/same_but_case.hpp"
#include "services/clicks/classify.hpp"
#include "services/ingest/inflate.hpp"

namespace qck::ingest {
namespace {

using http_server::problem;
using http_server::Response;

constexpr std::int64_t lag_asked_every_ns = 100'000'000;

Response unreadable(const Error& error) {
    return error.code == Errc::unavailable ? problem(413, "too-large", error.message)
                                           : problem(400, "unreadable-body", error.message);
}

/// The address in a text, of either family; nothing when it is none.
Result<clicks::StoredIp> stored_ip_of(std::string_view text, const IngestConfig& config) {
    const std::string address(text);
    sockaddr_storage storage{};
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
        storage.ss_family = AF_INET;
    } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
        storage.ss_family = AF_INET6;
    } else {
        return error(Errc::invalid_argument, "ip: expected an IPv4 or IPv6 address");
    }
    return clicks::stored_ip(reinterpret_cast<const sockaddr*>(&storage), config.ip_mode,
                             config.ip_key);
}

}  // namespace

IngestHandler::IngestHandler(const IngestConfig& config, Parts parts)
    : config_(config),
      parts_(std::move(parts)),
      link_ids_(parts_.links),
      event_types_(config.event_types_max) {}

void IngestHandler::handle(const http_server::Request& request, http_server::Exchange& exchange) {
    const std::string_view path = request.head.path();
    const bool events = path == "/v1/events";
    if (events || path == "/v1/clicks") {
        if (request.head.method == http::Method::post) {
            counters_.requests.add();
            return exchange.answer(receive(request, events));
        }
        Response response = problem(405, "method-not-allowed", "expected POST");
        response.headers.emplace_back("Allow", "POST");
        return exchange.answer(response);
    }
    if (path == "/health") {
        Response response;
        response.body = R"({"status":"ok"})";
        return exchange.answer(response);
    }
    exchange.answer(problem(404, "not-found", "expected /v1/events, /v1/clicks or /health"));
}

Response IngestHandler::receive(const http_server::Request& request, bool events) {
    if (lagging(request.now_ns)) {
        counters_.busy.add();
        return busy("the counts are too far behind the journal; send this again later");
    }
    Response refusal;
    if (!open(request, refusal)) return refusal;
    Outcome outcome;
    const auto read =
        events ? read_events(wall_ms(), outcome) : read_clicks(wall_ms(), request.now_ns, outcome);
    if (!read) {
        if (read.error().code == Errc::corrupt) return unreadable(read.error());
        counters_.busy.add();
        return busy(read.error().message);
    }
    if (!(events ? store_events(outcome) : store_clicks(outcome))) {
        counters_.busy.add();
        return busy("the journal is full; send this again later");
    }
    (events ? counters_.events_accepted : counters_.clicks_accepted).add(outcome.accepted);
    counters_.duplicates.add(outcome.duplicate);
    counters_.rejected.add(outcome.rejected_count);
    return answer_to(outcome);
}

bool IngestHandler::lagging(std::int64_t now_ns) {
    if (now_ns >= lag_known_until_ns_) {
        lagging_ = parts_.lag_records() > config_.lag_records_max;
        lag_known_until_ns_ = now_ns + lag_asked_every_ns;
    }
    return lagging_;
}

bool IngestHandler::open(const http_server::Request& request, Response& refusal) {
    const std::string_view coding = request.head.content_encoding;
    content_.clear();
    if (http::same_but_case(coding, "gzip") || http::same_but_case(coding, "x-gzip")) {
        const auto unpacked = inflate_gzip(request.body, config_.content_bytes_max, content_);
        if (!unpacked) {
            refusal = unreadable(unpacked.error());
            return false;
        }
    } else if (coding.empty() || http::same_but_case(coding, "identity")) {
        content_ = request.body;
    } else {
        refusal = problem(415, "unknown-coding", "expected Content-Encoding gzip, or none");
        refusal.headers.emplace_back("Accept-Encoding", "gzip");
        return false;
    }
    const std::size_t content_bytes = content_.size();
    content_.append(padding_bytes, ' ');
    const std::string_view body(content_.data(), content_bytes);
    arena_.clear(body.size());

    const auto form = form_of(request.head.content_type, body);
    if (!form) {
        refusal = problem(415, "unknown-type", form.error().message);
        return false;
    }
    if (const auto cut_up = cut(body, *form, config_.items_max, reader_, items_); !cut_up) {
        refusal = unreadable(cut_up.error());
        return false;
    }
    return true;
}

bool IngestHandler::is_all_of_it(const Error& error) const {
    return items_.size() == 1 && error.code == Errc::corrupt;
}

Result<void> IngestHandler::read_events(std::int64_t now_ms, Outcome& outcome) {
    events_.clear();
    for (const Item& item : items_) {
        const auto fields = reader_.read(item.json, arena_);
        if (!fields) {
            if (is_all_of_it(fields.error())) return fields.error();
            outcome.reject(item.line, fields.error().message);
            continue;
        }
        const auto event = event_from(*fields, now_ms);
        if (!event) {
            outcome.reject(item.line, event.error().message);
        } else if (!event_types_.admit(event->type, now_ms)) {
            outcome.reject(item.line, "event_type: expected one of the first " +
                                          std::to_string(event_types_.types_max()) +
                                          " of this hour, which has had as many");
        } else {
            events_.push_back(*event);
        }
    }
    return {};
}

Result<void> IngestHandler::read_clicks(std::int64_t now_ms, std::int64_t now_ns,
                                        Outcome& outcome) {
    clicks_.clear();
    for (const Item& item : items_) {
        const auto fields = reader_.read(item.json, arena_);
        if (!fields && is_all_of_it(fields.error())) return fields.error();
        const auto click = fields ? click_from(*fields, now_ms) : fields.error();
        if (!click) {
            outcome.reject(item.line, click.error().message);
            continue;
        }
        ReadClick read{*click, {}, {}};
        if (!click->ip.empty()) {
            const auto ip = stored_ip_of(click->ip, config_);
            if (!ip) {
                outcome.reject(item.line, ip.error().message);
                continue;
            }
            read.ip = *ip;
        }
        const auto link = link_ids_.find(click->code, now_ns);
        if (!link) return error(Errc::unavailable, link.error().message);
        read.link = *link;
        clicks_.push_back(read);
    }
    return {};
}

}  // namespace qck::ingest
