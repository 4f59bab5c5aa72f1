#pragma once

#include <functional>
#include <memory>

#include "services/stores/redis/connection.hpp"
#include "services/stores/redis/dispatcher.hpp"

namespace qck::redis {

/// Tells, perhaps later, where the one server is; asked before each try to connect.
class Locator {
public:
    using Found = std::function<void(Result<Endpoint>)>;
    virtual ~Locator() = default;
    /// A new call forgets the one before. `moved` given at the start is called when the server is
    /// known to have changed.
    virtual void locate(Found found) = 0;
    virtual void start(std::function<void()> moved) = 0;
    virtual void stop() = 0;
};

/// One server: fixed, or found by a locator (Sentinel) each time a connection is made.
class SingleDispatcher final : public Dispatcher, private ConnectionOwner {
public:
    /// `locator` is null for a fixed server.
    SingleDispatcher(const Environment& environment, std::unique_ptr<Locator> locator);

    void start() override;
    void submit(Request&& request) override;
    void flush() override { connection_.flush(); }
    void expire(std::int64_t now_ns) override { connection_.expire(now_ns); }
    std::vector<Request> stop() override;
    ClientState state() const override;
    std::optional<Endpoint> server_for_subscription() override;

private:
    void on_attempt(Connection& connection) override;
    void on_ready(Connection& connection) override;
    void on_reply(Connection& connection, Request&& request, Reply&& reply) override;
    void on_overdue(Connection& connection, Request&& request, Error why) override;
    void on_lost(Connection& connection, const Error& why, std::vector<Request> written,
                 std::vector<Request> unwritten) override;
    Error unreachable() const;

    Environment environment_;
    std::unique_ptr<Locator> locator_;
    Connection connection_;
};

}  // namespace qck::redis
