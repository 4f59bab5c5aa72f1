#include "services/stores/redis/client.hpp"

#include <atomic>
#include <mutex>

#include "tests/support/redis_server.hpp"
#include "tests/support/test_certificate.hpp"

using namespace qck;
using namespace qck::redis;
using namespace std::chrono_literals;
using test::make_client;
using test::RedisServer;
using test::text_of;
using test::wait_for;

TEST_CASE("commands are answered in order, whatever they hold", "[redis]") {
    const RedisServer server;
    const auto client = make_client(server.config());
    const std::string value("a\0\r\nb", 5);
    CHECK(text_of(client->call(Command("SET").key("k").arg(value))) == "OK");
    CHECK(text_of(client->call(Command("GET").key("k"))) == value);
    CHECK(client->call(Command("GET").key("none"))->is_nil());

    std::vector<Command> commands;
    for (int i = 0; i < 5000; ++i) commands.push_back(Command("ECHO").arg(i));
    const auto replies = client->pipeline(std::move(commands));
    REQUIRE(replies.size() == 5000);
    for (int i = 0; i < 5000; ++i) REQUIRE(text_of(replies[i]) == std::to_string(i));
    CHECK(client->pipeline({}).empty());

    const std::string big(3'000'000, 'x');
    CHECK(text_of(client->call(Command("SET").key("big").arg(big))) == "OK");
    CHECK(text_of(client->call(Command("GET").key("big"))) == big);
}

TEST_CASE("what the server refuses is an error that names server and command", "[redis]") {
    const RedisServer server;
    const auto client = make_client(server.config());
    const auto wrong = client->call(Command("INCR").key("k").arg("too many"));
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().code == Errc::invalid_argument);
    CHECK(
        test::contains(wrong.error().message, "redis " + server.address() + " refused INCR: ERR"));
    const auto script = client->call(Command("EVALSHA").arg(std::string(40, '0')).arg(0));
    REQUIRE_FALSE(script.has_value());
    CHECK(script.error().code == Errc::not_found);
}

TEST_CASE("a password, an ACL user and a database are used", "[redis]") {
    const RedisServer server(
        {"--requirepass", "sec:ret", "--user", "app", "on", ">app@pw", "~*", "&*", "+@all"});
    ClientConfig config = server.config();
    config.url = *parse_redis_url("redis://:sec%3Aret@" + server.address() + "/3");
    CHECK(text_of(make_client(config)->call(Command("SET").key("k").arg("in 3"))) == "OK");
    config.url = *parse_redis_url("redis://app:app%40pw@" + server.address() + "/3");
    CHECK(text_of(make_client(config)->call(Command("GET").key("k"))) == "in 3");
    CHECK(test::contains(text_of(make_client(config)->call(Command("ACL").arg("WHOAMI"))), "app"));

    for (const std::string credentials : {"", ":hunter2@", "app:hunter2@"}) {
        config.url = *parse_redis_url("redis://" + credentials + server.address());
        const auto client = make_client(config);
        CHECK(wait_for([&] {
            const std::string text = text_of(client->call(Command("PING")));
            CHECK_FALSE(test::contains(text, "hunter2"));
            return test::contains(text, credentials.empty() ? "NOAUTH" : "WRONGPASS");
        }));
    }
}

TEST_CASE("TLS verifies the server, and carries commands and subscriptions", "[redis]") {
    const test::TemporaryDirectory directory;
    const auto files = test::write_certificate(directory.path(), "redis");
    const std::string certificate = files.certificate_file.string();
    RedisServer::Options options;
    options.port = test::free_port();
    options.flags = {"--tls-port",
                     std::to_string(options.port),
                     "--port",
                     "0",
                     "--tls-cert-file",
                     certificate,
                     "--tls-key-file",
                     files.key_file.string(),
                     "--tls-ca-cert-file",
                     certificate,
                     "--tls-auth-clients",
                     "no"};
    const RedisServer secure(options);
    ClientConfig config = secure.config();
    config.url = *parse_redis_url("rediss://" + secure.address());
    config.tls_ca_file = certificate;
    const auto client = make_client(config);
    const std::string big(2'000'000, 'y');
    CHECK(text_of(client->call(Command("SET").key("k").arg(big))) == "OK");
    CHECK(text_of(client->call(Command("GET").key("k"))) == big);

    config.tls_ca_file.clear();
    const auto distrustful = make_client(config);
    CHECK(wait_for([&] {
        return test::contains(text_of(distrustful->call(Command("PING"))), "certificate");
    }));
}

TEST_CASE("a server that is gone is an error at once, and used again when it is back", "[redis]") {
    RedisServer server;
    ClientConfig config = server.config();
    config.back_off_most = 50ms;
    const auto client = make_client(config);
    CHECK(text_of(client->call(Command("SET").key("k").arg("v"))) == "OK");
    server.kill();
    CHECK(wait_for([&] {
        const auto reply = client->call(Command("GET").key("k"));
        return !reply && test::contains(reply.error().message, "(is it running? set --redis)");
    }));
    const auto before = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) CHECK_FALSE(client->call(Command("PING")).has_value());
    CHECK(std::chrono::steady_clock::now() - before < config.command_timeout);
    server.start();
    CHECK(wait_for([&] { return client->call(Command("PING")).has_value(); }));
    CHECK(client->figures().connected.value() == 2);
    CHECK(client->figures().lost.value() == 1);
    CHECK(client->figures().in_flight.value() == 0);
}

TEST_CASE("a server that hangs costs a timeout, then nothing, then works again", "[redis]") {
    const RedisServer server;
    ClientConfig config = server.config();
    config.command_timeout = 100ms;
    config.connect_timeout = 100ms;
    config.back_off_most = 50ms;
    const auto client = make_client(config);
    CHECK(text_of(client->call(Command("PING"))) == "PONG");
    server.hang();
    const auto hung = client->call(Command("INCR").key("n"));
    REQUIRE_FALSE(hung.has_value());
    CHECK(hung.error().code == Errc::timed_out);
    CHECK(wait_for([&] {
        const auto reply = client->call(Command("PING"));
        return !reply && reply.error().code == Errc::unavailable;
    }));
    server.go_on();
    CHECK(wait_for([&] { return client->call(Command("PING")).has_value(); }));
}

TEST_CASE("a late reply is never taken for that of another command", "[redis]") {
    const RedisServer server;
    ClientConfig config = server.config();
    config.command_timeout = 60ms;
    const auto client = make_client(config);
    CHECK(client->call(Command("PING")).has_value());
    // Replies of these come after their deadlines, also while others keep the connection alive.
    std::thread sleeper([&] {
        for (int i = 0; i < 8; ++i) client->call(Command("DEBUG").arg("SLEEP").arg("0.045"));
    });
    for (int i = 0; i < 8; ++i) {
        CHECK_FALSE(client->call(Command("DEBUG").arg("SLEEP").arg("0.07")).has_value());
        const auto echo = client->call(Command("ECHO").arg(i));
        if (echo) CHECK(echo->text() == std::to_string(i));
    }
    sleeper.join();
    CHECK(client->figures().timed_out.value() >= 8);
    CHECK(wait_for([&] { return text_of(client->call(Command("ECHO").arg("z"))) == "z"; }));
}

TEST_CASE("commands beyond the bound are refused and the others answered", "[redis]") {
    const RedisServer server;
    ClientConfig config = server.config();
    config.commands_max = 10;
    const auto client = make_client(config);
    std::vector<Command> commands;
    for (int i = 0; i < 25; ++i) commands.push_back(Command("ECHO").arg(i));
    const auto replies = client->pipeline(std::move(commands));
    int answered = 0;
    for (std::size_t i = 0; i < replies.size(); ++i) {
        answered += replies[i].has_value() ? 1 : 0;
        if (!replies[i]) CHECK(test::contains(replies[i].error().message, "too many commands"));
    }
    CHECK(answered == 10);
    CHECK(client->figures().rejected.value() == 15);
    CHECK(client->call(Command("PING")).has_value());
}

TEST_CASE("a repeatable command survives the loss of its connection, another fails", "[redis]") {
    const RedisServer server;
    const auto client = make_client(server.config());
    const auto admin = make_client(server.config());
    REQUIRE(client->call(Command("PING")).has_value());
    // The reply of a blocked command is lost with its connection.
    const auto lose_connection = [&] {
        CHECK(wait_for([&] {
            const auto killed = admin->call(
                Command("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes"));
            return killed && killed->integer() > 0;
        }));
    };
    std::thread killer([&] {
        CHECK(wait_for([&] {
            return test::contains(text_of(admin->call(Command("INFO").arg("clients"))),
                                  "blocked_clients:1");
        }));
        lose_connection();
    });
    const auto lost = client->call(Command("BLPOP").key("list").arg("0.4"));
    killer.join();
    REQUIRE_FALSE(lost.has_value());
    CHECK(lost.error().code == Errc::unavailable);

    std::thread second([&] {
        CHECK(wait_for([&] {
            return test::contains(text_of(admin->call(Command("INFO").arg("clients"))),
                                  "blocked_clients:1");
        }));
        lose_connection();
    });
    const auto repeated = client->call(Command("BLPOP").key("list").arg("0.2").repeatable());
    second.join();
    CHECK(repeated.has_value());
}

TEST_CASE("a subscription says when it may lose messages, and subscribes again", "[redis]") {
    RedisServer server;
    ClientConfig config = server.config();
    config.back_off_most = 50ms;
    std::mutex mutex;
    std::vector<std::string> heard;
    const auto client = make_client(config);
    client->subscribe(
        "qck:test",
        [&](std::string_view payload) {
            const std::lock_guard lock(mutex);
            heard.emplace_back(payload);
        },
        [&](bool subscribed) {
            const std::lock_guard lock(mutex);
            heard.emplace_back(subscribed ? "[up]" : "[lost]");
        });
    const auto heard_so_far = [&] {
        const std::lock_guard lock(mutex);
        return heard;
    };
    using Words = std::vector<std::string>;
    REQUIRE(wait_for([&] { return heard_so_far() == Words{"[up]"}; }));
    CHECK(client->call(Command("PUBLISH").arg("qck:test").arg("one")).has_value());
    CHECK(wait_for([&] { return heard_so_far() == Words{"[up]", "one"}; }));
    server.kill();
    CHECK(wait_for([&] { return heard_so_far() == Words{"[up]", "one", "[lost]"}; }));
    server.start();
    CHECK(wait_for([&] { return heard_so_far() == Words{"[up]", "one", "[lost]", "[up]"}; }));
    CHECK(wait_for(
        [&] { return client->call(Command("PUBLISH").arg("qck:test").arg("two")).has_value(); }));
    CHECK(wait_for([&] { return heard_so_far().back() == "two"; }));
}

TEST_CASE("a subscription notices a server that has fallen silent", "[redis]") {
    const RedisServer server;
    ClientConfig config = server.config();
    config.subscription_ping = 30ms;
    config.connect_timeout = 100ms;
    config.back_off_most = 50ms;
    std::atomic<bool> subscribed = false;
    const auto client = make_client(config);
    client->subscribe(
        "c", [](std::string_view) {}, [&](bool now) { subscribed = now; });
    REQUIRE(wait_for([&] { return subscribed.load(); }));
    server.hang();
    CHECK(wait_for([&] { return !subscribed; }));
    server.go_on();
    CHECK(wait_for([&] { return subscribed.load(); }));
}

TEST_CASE("an end finishes what is under way, each once", "[redis]") {
    const RedisServer server;
    auto reactor = *net::Reactor::create();
    auto client = *Client::create(*reactor, server.config());
    int finished = 0;
    for (int i = 0; i < 3; ++i) {
        client->send(Command("PING"), [&](const Result<Reply>& reply) {
            CHECK_FALSE(reply.has_value());
            ++finished;
        });
    }
    client.reset();
    CHECK(finished == 3);
}
