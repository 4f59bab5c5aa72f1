#include "loadgen/report/network_json.hpp"

#include "loadgen/report/take_fields.hpp"

namespace qck::report {
namespace {

using Json = nlohmann::ordered_json;
using scenario::FieldReader;

}  // namespace

Json json_of(const std::vector<record::InterfaceUse>& interfaces) {
    Json out = Json::array();
    for (const record::InterfaceUse& use : interfaces) {
        const auto known = [&use](double value) {
            return use.speed_per_s > 0 ? Json(value) : Json();
        };
        out.push_back({{"agent", use.agent},
                       {"name", use.name},
                       {"speed_bits_per_s", known(use.speed_per_s)},
                       {"busiest_share", known(use.busiest_share)},
                       {"sent_bytes", use.sent_bytes},
                       {"received_bytes", use.received_bytes},
                       {"packets", use.packets},
                       {"dropped", use.dropped},
                       {"errors", use.errors}});
    }
    return out;
}

Json json_of(const record::SocketUse& sockets) {
    return {{"tcp", sockets.tcp},
            {"time_wait", sockets.time_wait},
            {"local_ports", sockets.local_ports},
            {"descriptors_allowed", sockets.descriptors_allowed}};
}

void take_network(FieldReader& fields, GeneratorReport& generator) {
    if (fields.optional("sockets") == nullptr) return;
    take_object(fields, "sockets", [&generator](FieldReader& from) {
        record::SocketUse& sockets = generator.sockets.emplace();
        take_whole(from, "tcp", sockets.tcp);
        take_whole(from, "time_wait", sockets.time_wait);
        take_whole(from, "local_ports", sockets.local_ports);
        take_whole(from, "descriptors_allowed", sockets.descriptors_allowed);
    });
    take_each(fields, "interfaces", [&generator](FieldReader& from) {
        record::InterfaceUse& use = generator.interfaces.emplace_back();
        take(from, "agent", use.agent);
        take(from, "name", use.name);
        if (take_known(from, "speed_bits_per_s", use.speed_per_s)) {
            take(from, "busiest_share", use.busiest_share);
        }
        take_whole(from, "sent_bytes", use.sent_bytes);
        take_whole(from, "received_bytes", use.received_bytes);
        take_whole(from, "packets", use.packets);
        take_whole(from, "dropped", use.dropped);
        take_whole(from, "errors", use.errors);
    });
}

}  // namespace qck::report
