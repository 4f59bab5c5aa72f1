// Second half of IngestHandler: what was read goes to the journal, each key once.
#include <algorithm>

#include "services/clicks/classify.hpp"
#include "services/clicks/country_code.hpp"
#include "services/ingest/ingest_handler.hpp"

namespace qck::ingest {
namespace {

/// What a record takes in the journal besides its strings, at most; a click's two strings are
/// frames of their own.
constexpr std::size_t event_bytes_max = 64;
constexpr std::size_t click_bytes_max = 128;

std::size_t kept_bytes(std::string_view text) {
    return std::min(text.size(), clicks::event_string_bytes_max);
}

}  // namespace

bool IngestHandler::store_events(Outcome& outcome) {
    std::size_t bytes = events_.size() * event_bytes_max;
    for (const IncomingEvent& read : events_) bytes += read.type.size() + read.product.size();
    if (!parts_.shard.reserve(bytes)) return false;
    parts_.keys.reserve(events_.size());
    for (const IncomingEvent& read : events_) {
        clicks::Event event;
        if (!read.event_id.empty()) {
            event.key = parts_.hasher.event_key(read.event_id);
            if (!parts_.keys.insert(event.key)) {
                ++outcome.duplicate;
                continue;
            }
        }
        event.time_ms = read.time_ms;
        event.type = read.type;
        event.product = read.product;
        event.has_amount = read.has_amount;
        event.amount_micros = read.amount_micros;
        parts_.shard.append(event);
        ++outcome.accepted;
    }
    return true;
}

bool IngestHandler::store_clicks(Outcome& outcome) {
    std::size_t bytes = clicks_.size() * click_bytes_max;
    for (const ReadClick& read : clicks_) {
        bytes += kept_bytes(read.click.user_agent) + kept_bytes(read.click.referrer);
    }
    if (!parts_.shard.reserve(bytes)) return false;
    parts_.keys.reserve(clicks_.size());
    for (const ReadClick& read : clicks_) {
        clicks::EventKey key;
        if (!read.click.event_id.empty()) {
            key = parts_.hasher.click_key(read.click.event_id);
            if (!parts_.keys.insert(key)) {
                ++outcome.duplicate;
                continue;
            }
        }
        const clicks::Click click = click_of(read);
        if (key == clicks::EventKey{}) {
            parts_.shard.append(click);
        } else {
            parts_.shard.append(click, key);
        }
        ++outcome.accepted;
    }
    return true;
}

clicks::Click IngestHandler::click_of(const ReadClick& read) {
    const clicks::Agent agent = parts_.shard.user_agent(read.click.user_agent);
    clicks::RequestTraits traits;
    traits.head = read.click.head;
    traits.known = read.link.id != 0;
    traits.expired = read.link.expires_at_ms && read.click.time_ms >= *read.link.expires_at_ms;
    traits.agent = agent.kind;
    traits.purpose = read.click.purpose;
    clicks::Click click;
    click.link_id = read.link.id;
    click.time_ms = read.click.time_ms;
    click.click_class = clicks::classify(traits);
    click.ip = read.ip;
    click.country = clicks::country_code(read.click.country);
    click.user_agent = agent.id;
    click.referrer = parts_.shard.referrer(read.click.referrer);
    return click;
}

}  // namespace qck::ingest
