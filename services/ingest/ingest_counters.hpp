#pragma once

#include "base/counter.hpp"

namespace qck::ingest {

/// What the ingest listener did. One writer, any reader.
struct IngestCounters {
    Counter requests;
    Counter events_accepted;
    Counter clicks_accepted;
    Counter duplicates;
    Counter rejected;
    Counter busy;  ///< requests answered 503
};

}  // namespace qck::ingest
