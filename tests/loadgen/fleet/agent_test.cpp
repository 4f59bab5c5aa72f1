#include "loadgen/fleet/agent.hpp"

#include <sys/socket.h>

#include "tests/loadgen/fleet/gathered_fleet.hpp"
#include "tests/support/captured_stderr.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/silent_log.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/test_certificate.hpp"

using namespace qck;
using namespace std::chrono_literals;

TEST_CASE("an agent whose coordinator is not there says why, once", "[loadgen][fleet]") {
    const test::TemporaryDirectory directory;
    auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
    REQUIRE(listeners.has_value());
    const int listener = listeners->front().get();
    test::CapturedStderr captured(directory.path() / "err");
    {
        const test::JoiningAgent agent("dialling", *net::local_address(listener));
        // Taken for a coordinator that is not there yet: it closes whatever connection comes.
        const auto closed_one = [&] {
            const net::Fd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
            char hello[1024];
            return socket && ::recv(socket.get(), hello, sizeof hello, 0) > 0;
        };
        for (int times = 0; times < 4; ++times) CHECK(test::within(5s, closed_one));
        CHECK_FALSE(agent.has_ended());
    }
    const std::string text = captured.end();
    CAPTURE(text);
    CHECK(test::occurrences(text, "event=coordinator_unreachable") == 1);
    CHECK(test::contains(text, "the connection was closed"));
}

TEST_CASE("an agent whose coordinator does not listen says that it was refused",
          "[loadgen][fleet]") {
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "err";
    const auto nowhere = net::parse_address("127.0.0.1:" + std::to_string(test::free_port()));
    test::CapturedStderr captured(file);
    {
        const test::JoiningAgent agent("dialling", *nowhere);
        const auto is_told = [&] {
            return test::contains(test::text_of_file(file), "coordinator_unreachable");
        };
        CHECK(test::within(5s, is_told));
    }
    const std::string text = captured.end();
    CAPTURE(text);
    CHECK(test::contains(text, "Connection refused"));
}

TEST_CASE("an agent does not try again with a coordinator whose certificate is not trusted",
          "[loadgen][fleet]") {
    const test::TemporaryDirectory one;
    const test::TemporaryDirectory other;
    const auto shown = test::write_certificate(one.path(), "shown");
    const auto trusted = test::write_certificate(other.path(), "trusted");
    const auto server =
        net::TlsServerContext::load({shown.certificate_file.string(), shown.key_file.string()});
    REQUIRE(server.has_value());
    const auto client = net::TlsClientContext::create({trusted.certificate_file.string(), true});
    REQUIRE(client.has_value());
    const test::GatheredFleet fleet(1, server->get());
    const test::JoiningAgent agent("mistrusting", fleet.address(), client->get());
    REQUIRE(test::within(5s, [&] { return agent.has_ended(); }));
    CHECK(test::contains(agent.failure(), "certificate is not trusted"));
    CHECK(test::contains(agent.failure(), "--tls-ca"));
}

TEST_CASE("strangers who say nothing keep no coordinator waiting", "[loadgen][fleet]") {
    const test::SilentLog silent;
    auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
    REQUIRE(listeners.has_value());
    const auto address = net::local_address(listeners->front().get());
    std::atomic<bool> over{false};
    std::thread serving([&] {
        fleet::AgentConfig config;
        config.name = "waiting";
        config.token = test::fleet_token;
        fleet::Agent agent(std::move(config), [&over] { return over.load(); });
        (void)agent.serve(std::move(listeners->front()));
    });
    std::vector<Result<net::Fd>> strangers;
    for (int times = 0; times < 5; ++times) strangers.push_back(net::start_connect(*address));
    // Sooner than any of them is given up.
    fleet::FleetConfig config;
    config.dial = {address->to_string()};
    config.token = test::fleet_token;
    config.within = 2s;
    const auto fleet = fleet::Fleet::gather(std::move(config), [] { return false; });
    CHECK(fleet.has_value());
    over = true;
    serving.join();
}
