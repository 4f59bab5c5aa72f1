#include "loadgen/fleet/protocol/message.hpp"

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>

#include "base/random.hpp"
#include "base/version.hpp"
#include "loadgen/fleet/greeting.hpp"
#include "loadgen/fleet/protocol/clock_filter.hpp"
#include "loadgen/fleet/protocol/frame.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::fleet;

namespace {

scenario::Plan some_plan() {
    scenario::Plan plan;
    plan.name = "some";
    scenario::Phase phase;
    phase.name = "one";
    phase.shape = scenario::Shape::decay;
    phase.rate_from_per_s = 1000.0 / 3;
    phase.rate_to_per_s = 0.1;
    phase.duration = std::chrono::nanoseconds(1'234'567'891);
    plan.phases.push_back(phase);
    scenario::RequestKind kind;
    kind.method = http::Method::post;
    kind.headers = {{"Content-Type", "application/json"}};
    kind.body = "{\"n\": {n}, \"text\": \"\x01\xff\"}";
    kind.expect = {201, 409};
    plan.requests.push_back(kind);
    plan.links.hot_share = 0.7;
    plan.links.tail_count = 1000;
    plan.seed = 0xffff'ffff'ffff'ffff;
    return plan;
}

Prepare some_order() {
    Prepare order;
    order.run = 3;
    order.plan = some_plan();
    order.target = "http://127.0.0.1:8080/viral";
    order.lanes = {{0, 5, 1000}, 1024, 77};
    return order;
}

/// Runs two greetings against each other; the errors of both.
std::pair<std::string, std::string> greet(Greeting& one, Greeting& other) {
    std::vector<Message> to_other{one.hello()};
    std::vector<Message> to_one{other.hello()};
    std::pair<std::string, std::string> errors;
    while (!to_other.empty() || !to_one.empty()) {
        const auto pass = [](std::vector<Message>& inbox, Greeting& at, std::vector<Message>& out,
                             std::string& failure) {
            for (const Message& message : std::exchange(inbox, {})) {
                if (!failure.empty()) return;
                auto answer = at.take(decode(encode(message)).value());
                if (!answer) {
                    failure = answer.error().message;
                } else if (*answer) {
                    out.push_back(**answer);
                }
            }
        };
        pass(to_other, other, to_one, errors.second);
        pass(to_one, one, to_other, errors.first);
    }
    return errors;
}

Hello hello_of(Role role) {
    Hello hello;
    hello.role = role;
    return hello;
}

}  // namespace

TEST_CASE("an order comes over the wire as it was, to the last bit", "[loadgen][fleet]") {
    const Prepare order = some_order();
    const auto decoded = decode(encode(order));
    REQUIRE(decoded.has_value());
    const auto& got = std::get<Prepare>(*decoded);
    CHECK(got.run == 3);
    CHECK(got.target == order.target);
    CHECK(got.lanes.lanes == order.lanes.lanes);
    CHECK(got.lanes.first == 77);
    const scenario::Phase& phase = got.plan.phases.at(0);
    CHECK(phase.rate_from_per_s == order.plan.phases[0].rate_from_per_s);
    CHECK(phase.duration == order.plan.phases[0].duration);
    CHECK(phase.shape == scenario::Shape::decay);
    CHECK(got.plan.requests.at(0).body == order.plan.requests[0].body);
    CHECK(got.plan.requests.at(0).headers == order.plan.requests[0].headers);
    CHECK(got.plan.requests.at(0).expect == order.plan.requests[0].expect);
    CHECK(got.plan.seed == order.plan.seed);
    CHECK(encode(got) == encode(order));
    CHECK_FALSE(got.plan.users);
}

TEST_CASE("users and their API come over the wire as they were", "[loadgen][fleet]") {
    Prepare order = some_order();
    order.api = "http://127.0.0.1:8081";
    order.plan.requests[0].to_api = true;
    order.plan.users = scenario::Users{{{"writers", 1000, 20.5, 0}}, 1000.0 / 3};
    const auto decoded = decode(encode(order));
    REQUIRE(decoded.has_value());
    const auto& got = std::get<Prepare>(*decoded);
    CHECK(got.api == order.api);
    CHECK(got.plan.requests[0].to_api);
    REQUIRE(got.plan.users);
    CHECK(got.plan.users->groups.at(0).name == "writers");
    CHECK(got.plan.users->count() == 1000);
    CHECK(got.plan.users->rate_per_s() == 20'500);
    CHECK(got.plan.users->spawn_per_s == 1000.0 / 3);
    CHECK(encode(got) == encode(order));
}

TEST_CASE("counts come over the wire as they were", "[loadgen][fleet]") {
    Progress progress;
    record::PhaseGain& phase = progress.gain.phases.emplace_back();
    phase.accounting.sent = 1ULL << 60;
    phase.status[302] = 5;
    phase.latency.buckets = {{0, 1}, {33'000, 1ULL << 63}};
    phase.latency.sum_ns = 99;
    record::KindGain& kind = progress.gain.kinds.emplace_back();
    kind = {1, 2, 3, 4, 5, 6, 7, {}};
    kind.latency.buckets = {{8, 9}};
    progress.gain.links.tail = {{5, 6}, {99'999'999, 1}};
    const auto decoded = decode(encode(progress));
    REQUIRE(decoded.has_value());
    const record::Gain& got = std::get<Progress>(*decoded).gain;
    CHECK(got.phases.at(0).accounting == phase.accounting);
    CHECK(got.phases.at(0).status == phase.status);
    CHECK(got.phases.at(0).latency.buckets == phase.latency.buckets);
    CHECK(got.links.tail == progress.gain.links.tail);
    const record::KindGain& told = got.kinds.at(0);
    CHECK(std::tie(told.kind, told.sent, told.unsent, told.answered, told.unexpected, told.failed,
                   told.timed_out) == std::tie(kind.kind, kind.sent, kind.unsent, kind.answered,
                                               kind.unexpected, kind.failed, kind.timed_out));
    CHECK(told.latency.buckets == kind.latency.buckets);
}

TEST_CASE("what is no message is refused, and harms nobody", "[loadgen][fleet]") {
    CHECK_FALSE(decode("").has_value());
    CHECK_FALSE(decode("GET / HTTP/1.1\r\n\r\n").has_value());
    // A million arrays within each other, for the stack of whoever reads them.
    CHECK_FALSE(decode(std::string(1'000'000, '\x91')).has_value());
    CHECK_FALSE(decode(std::string("\xdd\xff\xff\xff\xff", 5)).has_value());
    const std::string good = encode(some_order());
    for (std::size_t length = 0; length < good.size(); ++length) {
        CHECK_FALSE(decode(std::string_view(good).substr(0, length)).has_value());
    }
    SplitMix64 random(1);
    for (int times = 0; times < 20'000; ++times) {
        std::string bad = good;
        for (int flips = 0; flips < 3; ++flips) {
            bad[random.next() % bad.size()] = static_cast<char>(random.next());
        }
        // Many still are messages; none may do more than that.
        (void)decode(bad);
    }
}

TEST_CASE("a plan or lanes that no command makes are refused", "[loadgen][fleet]") {
    const auto refused = [](const std::function<void(Prepare&)>& spoil) {
        Prepare order = some_order();
        spoil(order);
        const auto decoded = decode(encode(order));
        return !decoded;
    };
    CHECK_FALSE(refused([](Prepare&) {}));
    CHECK(refused([](Prepare& o) { o.plan.phases.clear(); }));
    CHECK(refused([](Prepare& o) { o.plan.phases[0].rate_to_per_s = std::nan(""); }));
    CHECK(refused([](Prepare& o) { o.plan.phases[0].rate_to_per_s = 1e300; }));
    CHECK(refused([](Prepare& o) { o.plan.phases[0].duration = {}; }));
    CHECK(refused([](Prepare& o) { o.plan.phases[0].shape = static_cast<scenario::Shape>(9); }));
    CHECK(refused([](Prepare& o) { o.plan.requests[0].path = "/a\r\nX: y"; }));
    CHECK(refused([](Prepare& o) { o.plan.requests[0].headers[0].second = "a\r\nX: y"; }));
    CHECK(refused([](Prepare& o) { o.plan.requests[0].expect.assign(21, 404); }));
    CHECK(refused([](Prepare& o) { o.plan.requests[0].expect = {100}; }));
    CHECK(refused([](Prepare& o) { o.plan.requests[0].expect = {600}; }));
    CHECK(refused([](Prepare& o) { o.plan.connections = 2'000'000; }));
    CHECK(refused([](Prepare& o) { o.plan.timeout = {}; }));
    CHECK(refused([](Prepare& o) { o.plan.requests[0].to_api = true; }));
    using Groups = std::vector<scenario::Users::Group>;
    const auto crowd = [&](Groups groups, double spawn_per_s) {
        return refused([&](Prepare& o) {
            o.plan.users = scenario::Users{std::move(groups), spawn_per_s};
        });
    };
    CHECK_FALSE(crowd({{"readers", 10, 20, 0}}, 100));
    CHECK(crowd({}, 100));
    CHECK(crowd({{"readers", 10, 20, 0}}, 0));
    CHECK(crowd({{"readers", 10, 0, 0}}, 100));
    CHECK(crowd({{"readers", 10, 20, 1}}, 100));
    CHECK(crowd({{"readers", 2'000'000, 20, 0}}, 100));
    CHECK(crowd({{"readers", 10, 1e9, 0}, {"more", 999'000, 1e9, 0}}, 100));
    CHECK(refused([](Prepare& o) { o.plan.links.tail_count = 200'000'000; }));
    CHECK(refused([](Prepare& o) { o.lanes.period = 0; }));
    CHECK(refused([](Prepare& o) { o.lanes.lanes = {5, 5}; }));
    CHECK(refused([](Prepare& o) { o.lanes.lanes = {1024}; }));
}

TEST_CASE("threads, times and figures that cannot be are refused", "[loadgen][fleet]") {
    const auto taken = [](const Message& message) { return decode(encode(message)).has_value(); };
    Prepare order = some_order();
    order.threads = 1024;
    CHECK(taken(order));
    order.threads = 1025;
    CHECK_FALSE(taken(order));
    order.threads = 0;
    order.siblings = 0;
    CHECK_FALSE(taken(order));
    static constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    CHECK(taken(Pulse{1, 2, 3}));
    CHECK_FALSE(taken(Pulse{1, -most, most}));
    CHECK_FALSE(taken(Beat{1, most}));
    CHECK_FALSE(taken(Start{1, -1}));
    CHECK_FALSE(taken(Failed{1, std::string(100'000, 'x')}));

    const auto done = [&](const std::function<void(Done&)>& spoil) {
        Done one;
        one.ran_ns = 5'000'000'000;
        one.evidence.threads.emplace_back().wall_time = std::chrono::seconds(5);
        one.evidence.interfaces = {{"", "eth0", 1e9, 0.5, 100, 200, 300, 4, 5}};
        for (const auto begin : {0, 200}) {
            record::CpuStretch& stretch = one.evidence.cpu_stretches.emplace_back();
            stretch.begin = std::chrono::milliseconds(begin);
            stretch.length = std::chrono::milliseconds(200);
            stretch.cpus = 2;
            stretch.others = std::chrono::milliseconds(300);
        }
        spoil(one);
        return taken(one);
    };
    CHECK(done([](Done&) {}));
    CHECK_FALSE(done([](Done& d) { d.ran_ns = most; }));
    CHECK_FALSE(done([](Done& d) { d.ran_ns = -1; }));
    CHECK_FALSE(
        done([](Done& d) { d.evidence.threads[0].began_late = std::chrono::nanoseconds(most); }));
    CHECK_FALSE(done([](Done& d) { d.evidence.cpu_share_max = std::nan(""); }));
    CHECK_FALSE(done([](Done& d) { d.evidence.interfaces[0].speed_per_s = -1; }));
    CHECK_FALSE(done([](Done& d) { d.evidence.cpu_stretches[1].begin = {}; }));
    CHECK_FALSE(done([](Done& d) { d.evidence.cpu_stretches[0].length = {}; }));
    CHECK_FALSE(
        done([](Done& d) { d.evidence.cpu_stretches[0].others = std::chrono::nanoseconds(most); }));
    CHECK_FALSE(done([](Done& d) { d.evidence.cpu_stretches.resize(cpu_stretches_max + 1); }));
}

TEST_CASE("frames are cut wherever the bytes are, and a long one is refused", "[loadgen][fleet]") {
    const std::string stream = framed("one") + framed("") + framed(std::string(4000, 'x'));
    for (const std::size_t size : {std::size_t{1}, std::size_t{3}, stream.size()}) {
        FrameReader reader;
        std::vector<std::string> frames;
        for (std::size_t at = 0; at < stream.size(); at += size) {
            reader.feed(std::string_view(stream).substr(at, size));
            for (auto next = reader.next(); next.value(); next = reader.next()) {
                frames.push_back(**next);
            }
        }
        CHECK(frames == std::vector<std::string>{"one", "", std::string(4000, 'x')});
    }
    FrameReader reader;
    reader.feed(framed(std::string(greeting_bytes_max + 1, 'x')).substr(0, 4));
    const auto refused = reader.next();
    REQUIRE_FALSE(refused.has_value());
    CHECK(test::contains(refused.error().message, "no frame"));
}

TEST_CASE("two sides with one token take each other for what they are", "[loadgen][fleet]") {
    Greeting coordinator(hello_of(Role::coordinator), "secret");
    Greeting agent(hello_of(Role::agent), "secret");
    CHECK(greet(coordinator, agent) == std::pair<std::string, std::string>());
    CHECK(coordinator.is_done());
    CHECK(agent.is_done());
    CHECK(coordinator.peer().version == version);
}

TEST_CASE("another token, version, protocol or role is refused with a reason", "[loadgen][fleet]") {
    const auto reason = [](Hello theirs, const std::string& token) {
        Greeting mine(hello_of(Role::coordinator), "secret");
        Greeting other(hello_of(Role::agent), token);
        Hello said = other.hello();
        said.version = theirs.version.empty() ? said.version : theirs.version;
        said.protocol = theirs.protocol;
        said.role = theirs.role;
        auto answer = mine.take(said);
        if (!answer) return answer.error().message;
        REQUIRE(other.take(mine.hello()).has_value());
        // A proof that was made under the other token, as any that is made up.
        auto proven = mine.take(Proof{std::string(32, 'x')});
        CHECK_FALSE(mine.is_done());
        return proven ? std::string() : proven.error().message;
    };
    Hello agent = hello_of(Role::agent);
    CHECK(test::contains(reason(agent, "other"), "token"));
    agent.version = "0.0.1";
    CHECK(test::contains(reason(agent, "secret"), "0.0.1"));
    agent.version.clear();
    agent.protocol = 99;
    CHECK(test::contains(reason(agent, "secret"), "same version"));
    CHECK(test::contains(reason(hello_of(Role::coordinator), "secret"), "coordinator"));
    Greeting one(hello_of(Role::coordinator), "secret");
    Greeting two(hello_of(Role::agent), "other");
    const auto errors = greet(one, two);
    CHECK(test::contains(errors.first, "token"));
    CHECK(test::contains(errors.second, "token"));
}

TEST_CASE("a side's own proof is none of the other side's", "[loadgen][fleet]") {
    // A stranger that gives back whatever is said to it does not get in.
    Greeting coordinator(hello_of(Role::coordinator), "secret");
    Hello mirrored = coordinator.hello();
    mirrored.role = Role::agent;
    auto proof = coordinator.take(mirrored);
    REQUIRE(proof.has_value());
    CHECK_FALSE(coordinator.take(**proof).has_value());
    CHECK_FALSE(coordinator.is_done());
}

TEST_CASE("of many exchanges the quickest tells how far a clock is off", "[loadgen][fleet]") {
    constexpr std::int64_t offset = -123'456'789'012;
    ClockFilter filter;
    SplitMix64 random(4);
    std::int64_t now = 5'000'000'000'000;
    for (int times = 0; times < 30; ++times) {
        const auto there = static_cast<std::int64_t>(50'000 + random.next() % 5'000'000);
        const auto back = static_cast<std::int64_t>(50'000 + random.next() % 5'000'000);
        filter.add(now, now + there + offset, now + there + 1000 + offset,
                   now + there + 1000 + back);
        now += 100'000'000;
    }
    filter.add(now, now + 40'000 + offset, now + 41'000 + offset, now + 91'000);
    CHECK(filter.is_settled());
    CHECK(filter.uncertainty_ns() == 45'000);
    CHECK(std::llabs(filter.offset_ns() - offset) <= filter.uncertainty_ns());
}
