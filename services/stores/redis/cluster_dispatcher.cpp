#include "services/stores/redis/cluster_dispatcher.hpp"

#include <cstdlib>
#include <utility>

#include "base/clock.hpp"

namespace qck::redis {
namespace {

/// What waits for a node, or for a migration to go on, is tried again so often.
constexpr std::chrono::milliseconds look_again{20};

}  // namespace

ClusterDispatcher::ClusterDispatcher(const Environment& environment)
    : environment_(environment),
      routing_(environment.config.url.endpoints,
               {environment.config.redirections_max, std::chrono::milliseconds(50),
                environment.config.slots_refresh}) {}

ClusterDispatcher::~ClusterDispatcher() { stop(); }

void ClusterDispatcher::start() {
    for (const NodeId seed : routing_.seeds()) link_to(seed, false);
    refresh_timer_ =
        environment_.reactor.every(environment_.config.slots_refresh, [this] { refresh(); });
}

std::vector<Request> ClusterDispatcher::stop() {
    stopping_ = true;
    environment_.reactor.cancel(look_timer_);
    environment_.reactor.cancel(refresh_timer_);
    std::vector<Request> left;
    for (const auto& link : links_) {
        for (Request& request : link->connection->stop()) {
            if (!request.internal) left.push_back(std::move(request));
        }
    }
    while (!parked_.empty()) left.push_back(parked_.pop());
    return left;
}

ClusterDispatcher::Link& ClusterDispatcher::link_to(NodeId node, bool read_only) {
    for (const auto& link : links_) {
        if (link->node != node || link->read_only != read_only) continue;
        link->connection->start();  // again, if it was stopped
        return *link;
    }
    const RedisUrl& url = environment_.config.url;
    ConnectionOwner& owner = *this;
    auto link = std::make_unique<Link>();
    link->node = node;
    link->read_only = read_only;
    link->connection = std::make_unique<Connection>(
        environment_.reactor, environment_.resolver, environment_.config, environment_.tls,
        Greeting{url.user, url.password, 0, read_only, false}, owner, environment_.seeds.next());
    links_.push_back(std::move(link));
    Link& made = *links_.back();
    made.connection->start();
    return made;
}

const ClusterDispatcher::Link& ClusterDispatcher::link_of(const Connection& connection) const {
    for (const auto& link : links_) {
        if (link->connection.get() == &connection) return *link;
    }
    std::abort();  // a connection that this has not made
}

void ClusterDispatcher::submit(Request&& request) {
    if (routing_.all_down()) {
        environment_.ledger.refuse_later(std::move(request), unreachable());
        look_after();
    } else {
        route_again(std::move(request));
    }
}

void ClusterDispatcher::route_again(Request&& request) {
    request.asking = false;
    if (const auto route = routing_.route(request.command)) {
        send_along(std::move(request), *route);
    } else {
        parked_.push(std::move(request));
        look_after();
    }
}

void ClusterDispatcher::send_along(Request&& request, const Route& route) {
    request.asking = route.asking;
    link_to(route.node, route.read_only).connection->submit(std::move(request));
}

void ClusterDispatcher::finish(Request&& request, Error why) {
    if (request.internal) {
        request.done(std::move(why));
    } else {
        environment_.ledger.finish(std::move(request), std::move(why));
    }
}

Error ClusterDispatcher::unreachable() const {
    return error(Errc::unavailable, "no node of " + environment_.config.url.to_string() +
                                        " is in reach: " + trouble_ +
                                        " (is it running? set --redis)");
}

ClientState ClusterDispatcher::state() const {
    if (routing_.all_down()) return ClientState::down;
    return routing_.map().is_known() ? ClientState::ready : ClientState::connecting;
}

std::optional<Endpoint> ClusterDispatcher::server_for_subscription() {
    const ClusterMap& map = routing_.map();
    const auto count = static_cast<std::uint32_t>(map.node_count());
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto node = static_cast<NodeId>(subscription_turn_++ % count);
        if (!routing_.is_down(node) && (!map.is_known() || map.is_member(node))) {
            return map.endpoint_of(node);
        }
    }
    return std::nullopt;
}

void ClusterDispatcher::flush() {
    // NOLINTNEXTLINE(modernize-loop-convert): what is called may add links
    for (std::size_t i = 0; i < links_.size(); ++i) links_[i]->connection->flush();
}

void ClusterDispatcher::expire(std::int64_t now_ns) {
    // NOLINTNEXTLINE(modernize-loop-convert): what is called may add links
    for (std::size_t i = 0; i < links_.size(); ++i) links_[i]->connection->expire(now_ns);
    for (std::size_t left = parked_.size(); left > 0; --left) {
        Request request = parked_.pop();
        if (request.deadline_ns > now_ns) {
            parked_.push(std::move(request));
        } else {
            finish(std::move(request),
                   error(Errc::timed_out, "no node of " + environment_.config.url.to_string() +
                                              " served the slot in time" +
                                              (trouble_.empty() ? "" : ": " + trouble_)));
        }
    }
}

void ClusterDispatcher::on_attempt(Connection& connection) {
    connection.connect_to(routing_.map().endpoint_of(link_of(connection).node));
}

void ClusterDispatcher::on_ready(Connection& connection) {
    environment_.ledger.figures().connected.add();
    routing_.on_up(link_of(connection).node);
    refresh();
    release_parked();
}

void ClusterDispatcher::on_reply(Connection& connection, Request&& request, Reply&& reply) {
    if (request.internal) {
        request.done(std::move(reply));
        return;
    }
    if (reply.is_error()) {
        Route to;
        const auto before = request.redirections;
        const Verdict verdict =
            routing_.on_error(reply.text(), link_of(connection).node, request.redirections, to);
        if (request.redirections != before) environment_.ledger.figures().redirections.add();
        if (verdict == Verdict::resend) {
            send_along(std::move(request), to);
            refresh();
            return;
        }
        if (verdict == Verdict::wait) {
            parked_.push(std::move(request));
            look_after();
            return;
        }
    }
    environment_.ledger.finish(std::move(request), std::move(reply),
                               connection.endpoint().to_string());
}

void ClusterDispatcher::on_overdue(Connection&, Request&& request, Error why) {
    finish(std::move(request), std::move(why));
}

void ClusterDispatcher::on_lost(Connection& connection, const Error& why,
                                std::vector<Request> written, std::vector<Request> unwritten) {
    const Link& link = link_of(connection);
    trouble_ = connection.endpoint().to_string() + ": " + why.message;
    if (connection.state() != Connection::State::down) environment_.ledger.figures().lost.add();
    routing_.on_down(link.node);
    for (Request& request : written) {
        if (!request.done) continue;
        if (request.command.may_repeat() && !request.internal) {
            unwritten.push_back(std::move(request));
        } else {
            finish(std::move(request),
                   error(Errc::unavailable, "lost redis " + connection.endpoint().to_string() +
                                                " before it answered: " + why.message));
        }
    }
    const bool hopeless = routing_.all_down();
    for (Request& request : unwritten) {
        if (!request.done) continue;
        if (request.internal || hopeless) {
            finish(std::move(request), unreachable());
        } else {
            route_again(std::move(request));
        }
    }
    look_after();
}

void ClusterDispatcher::release_parked() {
    for (std::size_t left = parked_.size(); left > 0; --left) route_again(parked_.pop());
}

void ClusterDispatcher::refresh() {
    const auto asked = routing_.begin_refresh(monotonic_ns());
    if (!asked) return;
    Request request;
    request.command = Command("CLUSTER").arg("SLOTS");
    request.internal = true;
    request.deadline_ns =
        monotonic_ns() + std::chrono::nanoseconds(environment_.config.command_timeout).count();
    request.done = [this, asked = *asked](const Result<Reply>& reply) { on_slots(asked, reply); };
    link_to(*asked, false).connection->submit(std::move(request));
}

void ClusterDispatcher::on_slots(NodeId asked, const Result<Reply>& reply) {
    if (stopping_) return;
    if (!reply || reply->is_error()) {
        trouble_ = reply ? std::string(reply->text()) : reply.error().message;
        routing_.fail_refresh();
        look_after();
        return;
    }
    if (auto learned = routing_.end_refresh(asked, reply->view()); !learned) {
        trouble_ = learned.error().message;
        look_after();
        return;
    }
    leave_strangers();
    release_parked();
}

/// Connections to nodes that have left the cluster are given up. What was sent there is answered
/// first; what waits goes elsewhere.
void ClusterDispatcher::leave_strangers() {
    // NOLINTNEXTLINE(modernize-loop-convert): what is called may add links
    for (std::size_t i = 0; i < links_.size(); ++i) {
        Connection& connection = *links_[i]->connection;
        if (routing_.map().is_member(links_[i]->node)) continue;
        if (connection.state() == Connection::State::ready && !connection.is_quiet()) continue;
        std::vector<Request> left = connection.stop();
        // Nobody tries it any more, so nobody would find that it is back.
        routing_.on_up(links_[i]->node);
        for (Request& request : left) {
            if (!request.done) continue;
            if (request.internal) {
                finish(std::move(request), error(Errc::unavailable, "the node left the cluster"));
            } else {
                route_again(std::move(request));
            }
        }
    }
}

/// While commands wait or a fresh map is wanted: tries again after a pause.
void ClusterDispatcher::look_after() {
    if (look_timer_ != 0 || stopping_) return;
    look_timer_ = environment_.reactor.after(look_again, [this] {
        look_timer_ = 0;
        if (routing_.all_down()) {
            for (const NodeId seed : routing_.seeds()) link_to(seed, false);
        }
        refresh();
        release_parked();
        if (!parked_.empty() || routing_.refresh_is_wanted()) look_after();
    });
}

}  // namespace qck::redis
