#pragma once

#include <string_view>

#include "base/circuit_breaker.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace qck {

/// What a breaker is for, as its metrics have it.
struct CircuitUse {
    std::string_view store;
    std::string_view use;
};

/// Reports a success to the breaker, and logs it when it closed the circuit. Thread-safe.
inline void succeeded(CircuitBreaker& breaker, const CircuitUse& use) {
    if (breaker.succeeded()) log::info("circuit_closed", {{"store", use.store}, {"use", use.use}});
}

/// Reports a failure to the breaker, and logs it when it opened the circuit. Thread-safe.
inline void failed(CircuitBreaker& breaker, std::int64_t now_ns, const CircuitUse& use,
                   const Error& why) {
    if (!breaker.failed(now_ns)) return;
    log::warn("circuit_opened", {{"store", use.store}, {"use", use.use}, {"error", why.message}});
}

}  // namespace qck
