#pragma once

#include "base/counter.hpp"

namespace qck::http_server {

/// What one server (a listener of one reactor) saw.
struct ServerCounters {
    Counter connections_open;
    Counter connections_accepted;
    Counter connections_refused;  ///< over connections_max, or out of descriptors
    Counter requests;
    Counter bad_requests;
    Counter timeouts;
    Counter resets;
};

}  // namespace qck::http_server
