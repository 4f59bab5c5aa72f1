#include "services/reconcile/comparison_json.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace qck::reconcile {
namespace {

using Json = nlohmann::ordered_json;

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
    return question;
}

}  // namespace

std::string to_json(const Question& question) {
    Json json = Json::object();
    if (!question.codes.empty()) json["codes"] = question.codes;
    if (question.since_ms) json["since_ms"] = *question.since_ms;
    if (question.repair) json["repair"] = true;
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
                     std::string("expected {codes, since_ms, repair, run}: ") + failure.what());
    }
}

std::string name_of(const Drift& drift) {
    if (!drift.code.empty()) return drift.code;
    return drift.link_id == 0 ? "(unknown codes)" : "(id " + std::to_string(drift.link_id) + ")";
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
