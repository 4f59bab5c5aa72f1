#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/cpu.hpp"
#include "base/net/reactor.hpp"

namespace qck::commands {

/// A reactor and the thread that runs it. What works on the reactor is set up before start() and
/// destroyed after stop().
class ReactorThread {
public:
    static Result<std::unique_ptr<ReactorThread>> create(std::string name, int cpu) {
        auto reactor = net::Reactor::create();
        if (!reactor) return reactor.error();
        return std::unique_ptr<ReactorThread>(
            new ReactorThread(std::move(*reactor), std::move(name), cpu));
    }
    ~ReactorThread() { stop(); }

    net::Reactor& reactor() { return *reactor_; }

    void start() {
        thread_ = std::thread([this] {
            begin_thread(name_.c_str(), cpu_);
            reactor_->run();
        });
    }
    void stop() {
        reactor_->stop();
        if (thread_.joinable()) thread_.join();
    }

private:
    ReactorThread(std::unique_ptr<net::Reactor> reactor, std::string name, int cpu)
        : reactor_(std::move(reactor)), name_(std::move(name)), cpu_(cpu) {}

    std::unique_ptr<net::Reactor> reactor_;
    std::string name_;
    int cpu_;
    std::thread thread_;
};

}  // namespace qck::commands
