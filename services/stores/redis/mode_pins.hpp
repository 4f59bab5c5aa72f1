#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/net/reactor.hpp"
#include "services/stores/redis/client.hpp"

namespace qck::redis {

/// Links that operators hold in a mode, for all instances: the hash `qck:modes`, a field a link
/// (`ID`: `MODE CODE`), and `revision`, which every change raises.
///
/// Every instance reads it each second, so a restarted one takes it up and no message can be
/// missed. A Redis whose revision is behind has lost the hash, or its newest changes: whoever
/// knows more writes it again. Belongs to the thread of the client's reactor.
class ModePins {
public:
    static constexpr const char* key = "qck:modes";
    static constexpr std::chrono::milliseconds every{1'000};

    /// A link that was pinned, pinned otherwise, or set free (`mode` is empty) by any instance.
    using Changed = std::function<void(std::uint64_t link_id, const std::string& code,
                                       const std::string& mode)>;
    using Done = std::function<void(const Result<void>& outcome)>;

    /// The reactor and `client` outlive it. Destroyed on the reactor's thread, or while that does
    /// not run.
    ModePins(net::Reactor& reactor, Client& client, Changed changed);
    ~ModePins();
    ModePins(const ModePins&) = delete;
    ModePins& operator=(const ModePins&) = delete;

    /// An empty mode sets the link free. `done` once Redis has it, or does not answer.
    void set(std::uint64_t link_id, const std::string& code, const std::string& mode, Done done);

private:
    Command write_command(const std::string& field, const std::string& value) const;
    void look();
    void read(const Reply& reply);

    net::Reactor& reactor_;
    Client& client_;
    const Changed changed_;
    std::uint64_t revision_ = 0;                 ///< as Redis had it last
    std::map<std::uint64_t, std::string> pins_;  ///< `MODE CODE` by link, of that revision
    net::Reactor::TimerId timer_ = 0;
    std::shared_ptr<ModePins*> self_;  ///< held weakly by what runs later
};

}  // namespace qck::redis
