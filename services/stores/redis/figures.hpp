#pragma once

#include "base/counter.hpp"

namespace qck::redis {

/// For metrics; any thread may read.
struct Figures {
    Counter sent;      ///< commands taken by send()
    Counter answered;  ///< with a reply that is no error
    Counter failed;    ///< with an Error of any kind, those below included
    Counter timed_out;
    Counter rejected;      ///< because too many were under way
    Counter connected;     ///< connections made and greeted
    Counter lost;          ///< connections lost after that
    Counter redirections;  ///< MOVED and ASK
    Counter in_flight;     ///< now
    Counter state;         ///< now: ClientState as a number
};

}  // namespace qck::redis
