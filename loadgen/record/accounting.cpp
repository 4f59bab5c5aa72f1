#include "loadgen/record/accounting.hpp"

namespace qck::record {

const char* cause_name(Cause cause) {
    switch (cause) {
        case Cause::refused:
            return "refused";
        case Cause::connect_timeout:
            return "connect timeout";
        case Cause::unreachable:
            return "unreachable";
        case Cause::no_ports:
            return "no local ports";
        case Cause::no_descriptors:
            return "no descriptors";
        case Cause::tls:
            return "tls";
        case Cause::reset:
            return "reset";
        case Cause::closed_early:
            return "closed early";
        case Cause::protocol:
            return "protocol";
        case Cause::lost_with_pipeline:
            return "lost with pipeline";
        case Cause::behind_timeout:
            return "behind a timeout";
        case Cause::no_free_connection:
            return "no free connection";
        case Cause::agent_lost:
            return "agent lost";
        case Cause::run_ended:
            return "run ended";
        case Cause::other:
            return "other";
    }
    return "other";
}

}  // namespace qck::record
