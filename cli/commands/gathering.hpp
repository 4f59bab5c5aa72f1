#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace qck::commands {

/// Results that other threads give, until all are there or the time is over; what comes later is
/// dropped.
template <class T>
class Gathering {
public:
    explicit Gathering(std::size_t expected) : shared_(std::make_shared<Shared>()) {
        shared_->results.resize(expected);
        shared_->missing = expected;
    }
    std::function<void(T)> place(std::size_t at) {
        return [shared = shared_, at](T result) {
            const std::lock_guard lock(shared->mutex);
            if (shared->closed) return;
            shared->results[at] = std::move(result);
            if (--shared->missing == 0) shared->complete.notify_all();
        };
    }
    /// Empty where none came.
    std::vector<std::optional<T>> wait(std::chrono::milliseconds deadline) {
        std::unique_lock lock(shared_->mutex);
        shared_->complete.wait_for(lock, deadline, [this] { return shared_->missing == 0; });
        shared_->closed = true;
        return std::move(shared_->results);
    }

private:
    struct Shared {
        std::mutex mutex;
        std::condition_variable complete;
        std::vector<std::optional<T>> results;
        std::size_t missing = 0;
        bool closed = false;
    };
    std::shared_ptr<Shared> shared_;
};

}  // namespace qck::commands
