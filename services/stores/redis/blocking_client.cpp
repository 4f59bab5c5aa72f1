#include "services/stores/redis/blocking_client.hpp"

#include <future>
#include <utility>

namespace qck::redis {

Result<std::unique_ptr<BlockingClient>> BlockingClient::create(ClientConfig config) {
    auto reactor = net::Reactor::create();
    if (!reactor) return reactor.error();
    auto client = Client::create(**reactor, std::move(config));
    if (!client) return client.error();
    return std::unique_ptr<BlockingClient>(
        new BlockingClient(std::move(*reactor), std::move(*client)));
}

BlockingClient::BlockingClient(std::unique_ptr<net::Reactor> reactor,
                               std::unique_ptr<Client> client)
    : reactor_(std::move(reactor)),
      client_(std::move(client)),
      thread_([this] { reactor_->run(); }) {}

BlockingClient::~BlockingClient() {
    reactor_->stop();
    thread_.join();
}

Result<Reply> BlockingClient::call(Command command) {
    std::vector<Command> one;
    one.push_back(std::move(command));
    return std::move(pipeline(std::move(one)).front());
}

std::vector<Result<Reply>> BlockingClient::pipeline(std::vector<Command> commands) {
    const auto replies = std::make_shared<std::promise<std::vector<Result<Reply>>>>();
    auto future = replies->get_future();
    // `commands` is of this frame, which waits until they have been sent and answered.
    reactor_->post([this, replies, &commands] {
        client_->pipeline(std::move(commands), [replies](std::vector<Result<Reply>> results) {
            replies->set_value(std::move(results));
        });
    });
    return future.get();
}

std::vector<std::uint16_t> BlockingClient::slot_of_each_master() {
    const auto slots = std::make_shared<std::promise<std::vector<std::uint16_t>>>();
    auto future = slots->get_future();
    reactor_->post([this, slots] { slots->set_value(client_->slot_of_each_master()); });
    return future.get();
}

void BlockingClient::subscribe(std::string channel, OnMessage on_message, OnState on_state) {
    reactor_->post(
        [this, channel = std::move(channel), on_message = std::move(on_message),
         on_state = std::move(on_state)] { client_->subscribe(channel, on_message, on_state); });
}

}  // namespace qck::redis
