#include "loadgen/planner/plan_json.hpp"

#include <nlohmann/json.hpp>

namespace qck::planner {
namespace {

using Json = nlohmann::ordered_json;

std::string written(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_json(double peak_per_s, const std::vector<Figure>& figures,
                    const Assumptions& given) {
    Json out{{"kind", "viral"}, {"rate", peak_per_s}};
    out["figures"] = Json::array();
    for (const Figure& figure : figures) {
        Json from = Json::array();
        for (const Given id : figure.from) from.push_back(given.at(id).flag);
        out["figures"].push_back({{"group", figure.group},
                                  {"name", figure.name},
                                  {"value", figure.value},
                                  {"unit", figure.unit},
                                  {"how", figure.how},
                                  {"from", std::move(from)},
                                  {"note", figure.note}});
    }
    out["assumptions"] = Json::array();
    for (const Assumption& one : given.all()) {
        out["assumptions"].push_back({{"flag", one.flag},
                                      {"value", one.value},
                                      {"unit", one.unit},
                                      {"what", one.what},
                                      {"source", one.source}});
    }
    return written(out);
}

std::string to_json(std::string_view kind, double per_day, const Stage& stage) {
    Json items = Json::array();
    for (const StageItem& item : stage.items) {
        items.push_back(
            {{"component", item.component},
             {"machine", item.machine},
             {"count", item.count},
             {"dollars_a_month", item.dollars_a_month > 0 ? Json(item.dollars_a_month) : Json()}});
    }
    return written({{"kind", kind},
                    {"per_day", per_day},
                    {"average_per_s", per_day / 86'400},
                    {"stage",
                     {{"name", stage.name},
                      {"per_day", stage.per_day},
                      {"dollars_a_month", stage.dollars_a_month},
                      {"note", stage.note},
                      {"source", stage.source},
                      {"items", std::move(items)}}}});
}

}  // namespace qck::planner
