#include "services/http_server/blocking_work.hpp"

#include <exception>
#include <utility>

#include "base/cpu.hpp"

namespace qck::http_server {
namespace {

Response overloaded() {
    Response refused = problem(503, "overloaded", "too many such requests wait already");
    refused.headers.emplace_back("Retry-After", "1");
    return refused;
}

}  // namespace

BlockingWork::BlockingWork(std::string name, std::size_t threads, std::size_t waiting_max)
    : waiting_max_(waiting_max) {
    for (std::size_t at = 0; at < threads; ++at) {
        threads_.emplace_back([this, name] { loop(name); });
    }
}

BlockingWork::~BlockingWork() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wanted_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    for (Job& job : waiting_) job.reply.answer(problem(503, "stopping", "the service stops"));
}

void BlockingWork::run(PendingReply reply, Work work) {
    {
        const std::lock_guard lock(mutex_);
        if (!stopping_ && waiting_.size() < waiting_max_) {
            waiting_.push_back({std::move(reply), std::move(work)});
            wanted_.notify_one();
            return;
        }
    }
    reply.answer(overloaded());
}

void BlockingWork::loop(const std::string& name) {
    name_thread(name.c_str());
    std::unique_lock lock(mutex_);
    while (true) {
        wanted_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_) return;
        Job job = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        try {
            job.reply.answer(job.work());
        } catch (const std::exception& bug) {
            job.reply.answer(problem(500, "internal", bug.what()));
        }
        lock.lock();
    }
}

}  // namespace qck::http_server
