#pragma once

#include "base/log.hpp"

namespace qck::test {

/// Nothing is logged while it lives: for tests that fail a store by the thousand.
struct SilentLog {
    SilentLog() { log::set_silent(); }
    ~SilentLog() { log::set_quiet(false); }
    SilentLog(const SilentLog&) = delete;
    SilentLog& operator=(const SilentLog&) = delete;
};

}  // namespace qck::test
