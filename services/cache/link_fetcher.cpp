#include "services/cache/link_fetcher.hpp"

#include "base/cpu.hpp"

namespace qck::cache {

LinkFetcher::LinkFetcher(links::LinkStore& store, std::size_t threads, std::size_t codes_max)
    : store_(store), codes_max_(codes_max) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

LinkFetcher::~LinkFetcher() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wanted_.notify_all();
    for (auto& thread : threads_) thread.join();
}

bool LinkFetcher::fetch(const std::string& code, Done done) {
    const std::lock_guard lock(mutex_);
    const auto known = waiting_.find(code);
    if (known != waiting_.end()) {
        known->second.push_back(std::move(done));
        return true;
    }
    if (waiting_.size() + under_way_ >= codes_max_) return false;
    waiting_[code].push_back(std::move(done));
    queue_.push_back(code);
    wanted_.notify_one();
    return true;
}

void LinkFetcher::run() {
    name_thread("qck-fetch");
    std::unique_lock lock(mutex_);
    while (true) {
        wanted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (stopping_) return;
        const std::string code = std::move(queue_.back());
        queue_.pop_back();
        // Who asks from now on is not answered by this lookup: the link may change between the
        // store's answer and that question.
        const auto node = waiting_.extract(code);
        ++under_way_;
        lock.unlock();
        const Found found = store_.find(code);
        for (const Done& done : node.mapped()) done(found);
        lock.lock();
        --under_way_;
    }
}

}  // namespace qck::cache
