#pragma once

#include <chrono>
#include <thread>

namespace qck::test {

/// Whether `done` comes true within `patience`; asked again and again, a millisecond apart.
template <class Done>
bool within(std::chrono::nanoseconds patience, Done&& done) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

/// Within a time that is long for any machine.
template <class Done>
bool eventually(Done&& done) {
    return within(std::chrono::seconds(20), done);
}

}  // namespace qck::test
