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

}  // namespace qck::engine
