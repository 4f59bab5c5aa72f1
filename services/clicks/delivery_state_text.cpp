// The file of a DeliveryState: JSON, small, written at every batch.
#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "services/clicks/delivery_state.hpp"

namespace qck::clicks {
namespace {

using nlohmann::json;

constexpr int text_version = 1;

json json_of(const Cursor& at) { return {at.epoch, at.segment, at.offset}; }
Cursor cursor_from(const json& value) {
    return {value.at(0).get<std::uint32_t>(), value.at(1).get<std::uint32_t>(),
            value.at(2).get<std::uint32_t>()};
}

json json_of(const Stretch& stretch) {
    return {{"shard", stretch.shard}, {"from", json_of(stretch.from)}, {"to", json_of(stretch.to)}};
}
Stretch stretch_from(const json& value) {
    return {value.at("shard").get<std::uint16_t>(), cursor_from(value.at("from")),
            cursor_from(value.at("to"))};
}

json json_of(const std::vector<ProducerCursor>& cursors) {
    json list = json::array();
    for (const auto& each : cursors) {
        list.push_back({{"shard", each.shard}, {"at", json_of(each.at)}});
    }
    return list;
}
std::vector<ProducerCursor> cursors_from(const json& list) {
    std::vector<ProducerCursor> cursors;
    for (const json& each : list) {
        cursors.push_back({each.at("shard").get<std::uint16_t>(), cursor_from(each.at("at"))});
    }
    return cursors;
}

json json_of(const SealedBatch& batch) {
    json value{{"except_links", batch.except_links}, {"stretches", json::array()}};
    if (!batch.only_links.empty()) value["only_links"] = batch.only_links;
    if (batch.pass != 0) value["pass"] = batch.pass;
    for (const Stretch& stretch : batch.stretches) value["stretches"].push_back(json_of(stretch));
    return value;
}
SealedBatch sealed_from(const json& value) {
    SealedBatch batch;
    if (value.contains("only_link")) {  // of earlier versions
        batch.only_links = {value["only_link"].get<std::uint64_t>()};
    }
    if (value.contains("only_links")) {
        batch.only_links = value["only_links"].get<std::vector<std::uint64_t>>();
    }
    batch.except_links = value.at("except_links").get<std::vector<std::uint64_t>>();
    for (const json& each : value.at("stretches")) batch.stretches.push_back(stretch_from(each));
    batch.pass = value.value("pass", std::uint64_t{0});
    return batch;
}

}  // namespace

std::string DeliveryState::text(std::uint64_t node) const {
    json deferred = json::array();
    for (const DeferredStretch& owed : deferred_) {
        deferred.push_back({{"link", owed.link_id}, {"stretch", json_of(owed.stretch)}});
    }
    json value{{"version", text_version},
               {"node", node},
               {"cursors", json_of(cursors_)},
               {"deferred", std::move(deferred)},
               {"verify_until", json_of(verify_until_)}};
    if (pass_ != 0) value["pass"] = pass_;
    if (sealed_) value["sealed"] = json_of(*sealed_);
    return value.dump() + "\n";
}

Result<DeliveryState> DeliveryState::parse(std::string_view text, std::uint64_t node) {
    const json value = json::parse(text, nullptr, false);
    try {
        if (value.at("version").get<int>() != text_version) {
            return error(Errc::corrupt, "it is of another version");
        }
        if (value.at("node").get<std::uint64_t>() != node) {
            return error(Errc::conflict, "it is of another data directory");
        }
        DeliveryState state;
        state.cursors_ = cursors_from(value.at("cursors"));
        state.verify_until_ = cursors_from(value.at("verify_until"));
        for (const json& each : value.at("deferred")) {
            state.deferred_.push_back(
                {each.at("link").get<std::uint64_t>(), stretch_from(each.at("stretch"))});
        }
        state.pass_ = value.value("pass", std::uint64_t{0});
        if (value.contains("sealed")) {
            state.sealed_ = sealed_from(value["sealed"]);
            state.step_ = Step::ask;
        }
        return state;
    } catch (const json::exception&) {
        return error(Errc::corrupt, "it is damaged");
    }
}

}  // namespace qck::clicks
