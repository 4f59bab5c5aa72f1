#include "loadgen/engine/evidence.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace qck::engine {

std::uint64_t retransmitted_segments() {
    std::ifstream file("/proc/net/snmp");
    std::string names;
    std::string values;
    // Each protocol has a line of names and a line of values.
    while (std::getline(file, names) && std::getline(file, values)) {
        if (!names.starts_with("Tcp:")) continue;
        std::istringstream name_words(names);
        std::istringstream value_words(values);
        std::string name;
        std::string value;
        while (name_words >> name && value_words >> value) {
            if (name == "RetransSegs") return std::stoull(value);
        }
    }
    return 0;
}

std::uint64_t local_ports() {
    std::ifstream in("/proc/sys/net/ipv4/ip_local_port_range");
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    return in >> first >> last && last >= first ? last - first + 1 : 28'232;
}

}  // namespace qck::engine
