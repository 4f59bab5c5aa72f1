#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.hpp"

namespace qck::commands {

/// `qck agent` processes on this machine that dial in to this one; they end when this object does,
/// and when this process ends, however that ends.
///
/// They hear no Ctrl-C (each is in a process group of its own), and find the token in their
/// environment. Belongs to the thread that starts them.
class LocalAgents {
public:
    struct Config {
        std::size_t count = 1;
        std::string join;  ///< HOST:PORT
        std::string token;
        std::uint32_t threads = 1;  ///< of each
        std::vector<int> cpus;      ///< that they share; empty: all
        bool allow_public = false;
        std::string local_addresses;  ///< `IP,…` that connections go out from; empty: any
        std::string ca_file;          ///< of the target
    };

    static Result<LocalAgents> start(const Config& config);
    LocalAgents(LocalAgents&& other) noexcept : children_(std::move(other.children_)) {
        other.children_.clear();
    }
    LocalAgents& operator=(LocalAgents&&) = delete;
    ~LocalAgents();

    const std::vector<pid_t>& processes() const { return children_; }

private:
    LocalAgents() = default;

    std::vector<pid_t> children_;
};

}  // namespace qck::commands
