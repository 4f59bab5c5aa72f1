#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/net/address.hpp"
#include "base/net/reactor.hpp"
#include "cli/client/rest_client.hpp"
#include "services/api/api_handler.hpp"
#include "services/http_server/server.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::test {

/// The links API over the real server and a real SQLite file, on a free port.
class ApiServer {
public:
    explicit ApiServer(api::ApiConfig config = {}) {
        const auto file = directory_.path() / "links.db";
        auto queue = sqlite::WriteQueue::open(file, {});
        REQUIRE(queue.has_value());
        queue_ = std::move(*queue);
        auto store = sqlite::SqliteLinkStore::open(*queue_, file, {});
        REQUIRE(store.has_value());
        store_ = std::move(*store);
        auto reactor = net::Reactor::create();
        REQUIRE(reactor.has_value());
        reactor_ = std::move(*reactor);
        auto listener = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
        REQUIRE(listener.has_value());
        address_ = *net::local_address(listener->front().get());
        config.rules.own_hosts.push_back("127.0.0.1:8080");
        handler_ =
            std::make_unique<api::ApiHandler>(config, api::ApiParts{*store_, *store_, nullptr});
        server_ = std::make_unique<http_server::Server>(*reactor_, std::move(listener->front()),
                                                        *handler_, http_server::ServerConfig{});
        REQUIRE(server_->start().has_value());
        thread_ = std::thread([this] { reactor_->run(); });
    }
    ~ApiServer() {
        reactor_->stop();
        thread_.join();
        queue_->close();
        server_.reset();
    }

    std::string url() const { return "http://" + address_.to_string(); }
    const net::Address& address() const { return address_; }

    client::RestClient client(std::string token = {}) const {
        client::RestConfig config;
        config.service = *client::parse_service_url(url());
        config.bearer_token = std::move(token);
        return client::RestClient(std::move(config));
    }
    sqlite::SqliteLinkStore& store() { return *store_; }

private:
    TemporaryDirectory directory_;
    std::unique_ptr<sqlite::WriteQueue> queue_;
    std::unique_ptr<sqlite::SqliteLinkStore> store_;
    std::unique_ptr<net::Reactor> reactor_;
    std::unique_ptr<api::ApiHandler> handler_;
    std::unique_ptr<http_server::Server> server_;
    net::Address address_;
    std::thread thread_;
};

}  // namespace qck::test
