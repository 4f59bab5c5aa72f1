#include "services/reconcile/comparison_json.hpp"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "services/links/time_text.hpp"
#include "services/reconcile/reading.hpp"

namespace qck::reconcile {
namespace {

using Json = nlohmann::ordered_json;

/// Of `2026-11-22T01:02`.
constexpr std::size_t minute_chars = 16;

std::string with_seconds(const std::string& minute) {
    return minute.substr(0, minute_chars) + ":00Z";
}

std::string link_name(const std::string& code, std::uint64_t id) {
    if (!code.empty()) return code;
    return id == 0 ? "(unknown codes)" : "(id " + std::to_string(id) + ")";
}

Drift drift_from(const Json& row, const std::vector<StoreSum>& stores) {
    Drift drift;
    const auto& id = row.at("id").get_ref<const std::string&>();
    std::from_chars(id.data(), id.data() + id.size(), drift.link_id);
    if (!row.at("code").is_null()) drift.code = row.at("code").get<std::string>();
    drift.journal = row.at("journal").get<std::uint64_t>();
    for (const StoreSum& store : stores) {
        drift.stores.push_back(row.at("stores").at(store.name).get<std::uint64_t>());
    }
    if (row.contains("answered")) drift.answered = row["answered"].get<std::uint64_t>();
    return drift;
}

Json digest_json(const EventDigest& digest) {
    char hash[20];
    std::snprintf(hash, sizeof hash, "%016" PRIx64, digest.hash);
    return {{"clicks", digest.clicks}, {"hash", hash}};
}

EventDigest digest_from(const Json& json) {
    EventDigest digest;
    digest.clicks = json.at("clicks").get<std::uint64_t>();
    const auto& hash = json.at("hash").get_ref<const std::string&>();
    std::from_chars(hash.data(), hash.data() + hash.size(), digest.hash, 16);
    return digest;
}

std::uint32_t minute_from(const Json& json) {
    const auto time = links::parse_time(with_seconds(json.get_ref<const std::string&>()));
    return time ? static_cast<std::uint32_t>(*time / minute_ms) : 0;
}

Json minutes_json(const MinuteComparison& minutes) {
    Json drifts = Json::array();
    for (const MinuteDrift& drift : minutes.drifts) {
        drifts.push_back({{"id", std::to_string(drift.link_id)},
                          {"code", drift.code.empty() ? Json() : Json(drift.code)},
                          {"minute", minute_text(drift.minute)},
                          {"journal", digest_json(drift.journal)},
                          {"store", digest_json(drift.store)}});
    }
    Json json{{"store", minutes.store},          {"from", minute_text(minutes.first)},
              {"to", minute_text(minutes.last)}, {"clicks", minutes.clicks},
              {"differing", minutes.differing},  {"drifts", std::move(drifts)}};
    if (!minutes.not_compared.empty()) json["not_compared"] = minutes.not_compared;
    return json;
}

MinuteComparison minutes_from(const Json& json) {
    MinuteComparison minutes;
    minutes.store = json.at("store").get<std::string>();
    minutes.first = minute_from(json.at("from"));
    minutes.last = minute_from(json.at("to"));
    minutes.clicks = json.at("clicks").get<std::uint64_t>();
    minutes.differing = json.at("differing").get<std::uint64_t>();
    minutes.not_compared = json.value("not_compared", std::string());
    for (const Json& row : json.at("drifts")) {
        MinuteDrift& drift = minutes.drifts.emplace_back();
        const auto& id = row.at("id").get_ref<const std::string&>();
        std::from_chars(id.data(), id.data() + id.size(), drift.link_id);
        if (!row.at("code").is_null()) drift.code = row.at("code").get<std::string>();
        drift.minute = minute_from(row.at("minute"));
        drift.journal = digest_from(row.at("journal"));
        drift.store = digest_from(row.at("store"));
    }
    return minutes;
}

Comparison comparison_from(const Json& json) {
    Comparison result;
    result.links = json.at("links").get<std::uint64_t>();
    result.journal = json.at("journal").get<std::uint64_t>();
    for (const auto& [name, clicks] : json.at("stores").items()) {
        result.stores.push_back({name, clicks.get<std::uint64_t>()});
    }
    result.pending = json.at("pending").get<std::uint64_t>();
    result.corrupt_places = json.at("corrupt_places").get<std::uint64_t>();
    result.drifting = json.at("drifting").get<std::uint64_t>();
    result.absent = json.value("absent", std::uint64_t{0});
    for (const auto& row : json.at("drifts")) {
        result.drifts.push_back(drift_from(row, result.stores));
    }
    if (json.contains("answered")) result.answered = json["answered"].get<std::uint64_t>();
    for (StoreSum& store : result.stores) {
        if (!json.contains("held_back") || !json["held_back"].contains(store.name)) continue;
        const Json& held = json["held_back"][store.name];
        store.held_back = held.at("clicks").get<std::uint64_t>();
        store.links_held_back = held.at("links").get<std::uint64_t>();
    }
    if (json.contains("notes")) result.notes = json["notes"].get<std::vector<std::string>>();
    if (json.contains("cleaned")) result.cleaned = json["cleaned"].get<std::uint64_t>();
    if (json.contains("minutes")) result.minutes = minutes_from(json["minutes"]);
    return result;
}

Question question_from(const Json& json) {
    Question question;
    for (const auto& [name, value] : json.items()) {
        if (name == "codes") {
            question.codes = value.get<std::vector<std::string>>();
        } else if (name == "since_ms") {
            question.since_ms = value.get<std::int64_t>();
        } else if (name == "repair") {
            question.repair = value.get<bool>();
        } else if (name == "allow_lower") {
            question.allow_lower = value.get<bool>();
        } else if (name == "clean") {
            question.clean = value.get<bool>();
        } else if (name == "run") {
            auto& run = question.run.emplace();
            run.answered = value.at("answered").get<std::uint64_t>();
            run.unknown = value.value("unknown", std::uint64_t{0});
            for (const auto& [code, count] : value.at("by_code").items()) {
                run.by_code.emplace_back(code, count.get<std::uint64_t>());
            }
        } else {
            throw Json::other_error::create(0, "unknown field \"" + name + "\"", nullptr);
        }
    }
    if (question.allow_lower && !question.repair) {
        throw Json::other_error::create(0, "\"allow_lower\" goes with \"repair\"", nullptr);
    }
    return question;
}

}  // namespace

std::string to_json(const Question& question) {
    Json json = Json::object();
    if (!question.codes.empty()) json["codes"] = question.codes;
    if (question.since_ms) json["since_ms"] = *question.since_ms;
    if (question.repair) json["repair"] = true;
    if (question.allow_lower) json["allow_lower"] = true;
    if (question.clean) json["clean"] = true;
    if (question.run) {
        Json by_code = Json::object();
        for (const auto& [code, count] : question.run->by_code) by_code[code] = count;
        json["run"] = {{"answered", question.run->answered},
                       {"by_code", std::move(by_code)},
                       {"unknown", question.run->unknown}};
    }
    return json.dump();
}

Result<Question> question_from_json(std::string_view text) {
    if (text.empty()) return Question();
    try {
        return question_from(Json::parse(text));
    } catch (const Json::exception& failure) {
        return error(Errc::invalid_argument,
                     std::string("expected {codes, since_ms, repair, allow_lower, clean, run}: ") +
                         failure.what());
    }
}

std::string name_of(const Drift& drift) { return link_name(drift.code, drift.link_id); }
std::string name_of(const MinuteDrift& drift) { return link_name(drift.code, drift.link_id); }

std::string minute_text(std::uint32_t minute) {
    std::string text = links::format_time(std::int64_t{minute} * minute_ms);
    return text.substr(0, minute_chars) + "Z";
}

std::string to_json(const Comparison& comparison) {
    Json drifts = Json::array();
    for (const Drift& drift : comparison.drifts) {
        Json row{{"id", std::to_string(drift.link_id)},
                 {"code", drift.code.empty() ? Json() : Json(drift.code)},
                 {"journal", drift.journal},
                 {"stores", Json::object()}};
        for (std::size_t at = 0; at < drift.stores.size(); ++at) {
            row["stores"][comparison.stores[at].name] = drift.stores[at];
        }
        if (drift.answered) row["answered"] = *drift.answered;
        drifts.push_back(std::move(row));
    }
    Json stores = Json::object();
    for (const StoreSum& store : comparison.stores) stores[store.name] = store.clicks;
    Json json{{"agrees", comparison.agrees()},   {"links", comparison.links},
              {"journal", comparison.journal},   {"stores", std::move(stores)},
              {"pending", comparison.pending},   {"corrupt_places", comparison.corrupt_places},
              {"drifting", comparison.drifting}, {"absent", comparison.absent},
              {"drifts", std::move(drifts)}};
    if (comparison.answered) json["answered"] = *comparison.answered;
    Json held = Json::object();
    for (const StoreSum& store : comparison.stores) {
        if (store.links_held_back == 0) continue;
        held[store.name] = {{"clicks", store.held_back}, {"links", store.links_held_back}};
    }
    if (!held.empty()) json["held_back"] = std::move(held);
    if (comparison.minutes) json["minutes"] = minutes_json(*comparison.minutes);
    if (!comparison.notes.empty()) json["notes"] = comparison.notes;
    if (comparison.cleaned) json["cleaned"] = *comparison.cleaned;
    return json.dump(2);
}

Result<Comparison> comparison_from_json(std::string_view text) {
    try {
        return comparison_from(Json::parse(text));
    } catch (const Json::exception& failure) {
        return error(Errc::invalid_argument,
                     std::string("not a comparison of counts: ") + failure.what());
    }
}

}  // namespace qck::reconcile
