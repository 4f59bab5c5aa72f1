#include <chrono>

#include "services/stores/redis/protocol/back_off.hpp"
#include "services/stores/redis/protocol/command.hpp"
#include "services/stores/redis/protocol/error_reply.hpp"
#include "services/stores/redis/protocol/key_slot.hpp"
#include "services/stores/redis/protocol/reply.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::redis;
using namespace std::chrono_literals;

TEST_CASE("slots are those of the specification, hash tags included", "[redis]") {
    CHECK(crc16("123456789") == 0x31c3);  // Redis Cluster specification, appendix A
    CHECK(slot_of_key("foo") == 12182);   // CLUSTER KEYSLOT of a server
    CHECK(slot_of_key("") == 0);
    CHECK(slot_of_key("{user1000}.following") == slot_of_key("{user1000}.followers"));
    CHECK(slot_of_key("{user1000}.following") == slot_of_key("user1000"));
    CHECK(slot_of_key("foo{}{bar}") == crc16("foo{}{bar}") % slot_count);  // empty: the whole key
    CHECK(slot_of_key("foo{{bar}}zap") == slot_of_key("{bar"));  // first { to the first } after
    CHECK(slot_of_key("foo{bar}{zap}") == slot_of_key("bar"));
    CHECK(slot_of_key("foo{bar") == crc16("foo{bar") % slot_count);  // never closed
    CHECK(slot_of_key("foo}bar{x}") == slot_of_key("x"));
    CHECK(slot_of_key("}foo{") == crc16("}foo{") % slot_count);
    CHECK(slot_of_key("clicks:{42}:by") == slot_of_key("clicks:{42}"));
}

TEST_CASE("every slot has a hash tag", "[redis]") {
    for (std::uint16_t slot = 0; slot < slot_count; ++slot) {
        REQUIRE(slot_of_key("qck:run:{" + std::to_string(tag_of_slot(slot)) + "}") == slot);
    }
}

TEST_CASE("a command is what goes over the wire and knows its slot", "[redis]") {
    const Command set = Command("SET").key("k").arg(std::string_view("a\0b", 3)).arg(-7);
    std::string wire;
    set.encode(wire);
    CHECK(wire == std::string("*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na\0b\r\n$2\r\n-7\r\n", 37));
    CHECK(set.slot() == slot_of_key("k"));
    CHECK(set.name() == "SET");
    CHECK_FALSE(set.may_repeat());
    CHECK_FALSE(Command("PING").slot());
    const Command get = Command("GET").key("k").from_replica();
    CHECK(get.may_repeat());
    CHECK(get.may_use_replica());
}

TEST_CASE("replies are whole whatever pieces they come in", "[redis]") {
    const std::string all(std::string("*3\r\n$5\r\nhe") + '\0' +
                          "lo\r\n:42\r\n$-1\r\n-ERR no\r\n+OK\r\n");
    for (std::size_t piece = 1; piece <= all.size(); ++piece) {
        ReplyReader reader;
        std::vector<Reply> replies;
        for (std::size_t at = 0; at < all.size(); at += piece) {
            reader.feed(std::string_view(all).substr(at, piece));
            while (auto next = *reader.next()) replies.push_back(*std::move(next));
        }
        REQUIRE(replies.size() == 3);
        CHECK(replies[0].size() == 3);
        CHECK(replies[0][0].text().size() == 5);
        CHECK(replies[0][1].integer() == 42);
        CHECK(replies[0][2].is_nil());
        CHECK(replies[0][3].is_nil());
        CHECK(replies[1].is_error());
        CHECK(replies[2].text() == "OK");
    }
    ReplyReader reader;
    reader.feed("HTTP/1.1 400 Bad Request\r\n");
    CHECK_FALSE(reader.next().has_value());
}

TEST_CASE("error replies say what a client can do about them", "[redis]") {
    const auto moved = parse_error_reply("MOVED 3999 127.0.0.1:6381");
    CHECK(moved.refusal == Refusal::moved);
    CHECK(moved.slot == 3999);
    CHECK(moved.endpoint == Endpoint{"127.0.0.1", 6381});
    CHECK(parse_error_reply("ASK 1 ::1:7").endpoint == Endpoint{"::1", 7});
    CHECK(parse_error_reply("MOVED 1 :7").endpoint == Endpoint{"", 7});  // that of the node asked
    CHECK(parse_error_reply("MOVED 99999 a:1").refusal == Refusal::other);
    CHECK(parse_error_reply("MOVED").refusal == Refusal::other);
    CHECK(parse_error_reply("MOVED 1 a").refusal == Refusal::other);
    CHECK(parse_error_reply("TRYAGAIN Multiple keys").refusal == Refusal::try_again);
    CHECK(parse_error_reply("CLUSTERDOWN").refusal == Refusal::cluster_down);
    CHECK(parse_error_reply("READONLY You can't").refusal == Refusal::read_only);
    CHECK(parse_error_reply("LOADING Redis is").refusal == Refusal::loading);
    CHECK(code_of(parse_error_reply("NOSCRIPT No").refusal) == Errc::not_found);
    CHECK(code_of(parse_error_reply("WRONGPASS x").refusal) == Errc::permission);
    CHECK(code_of(parse_error_reply("OOM command").refusal) == Errc::unavailable);
    CHECK(code_of(parse_error_reply("ERR syntax").refusal) == Errc::invalid_argument);
    CHECK(parse_error_reply("").refusal == Refusal::other);
}

TEST_CASE("pauses grow by doubling, with full jitter, up to a bound", "[redis]") {
    double sums_ms[12] = {};
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        BackOff back_off(10ms, 1s, seed);
        auto ceiling = 10ms;
        for (double& sum_ms : sums_ms) {
            const auto pause = back_off.next();
            CHECK(pause >= 0ms);
            CHECK(pause <= ceiling);
            sum_ms += std::chrono::duration<double, std::milli>(pause).count();
            ceiling = std::min(ceiling * 2, std::chrono::milliseconds(1s));
        }
        back_off.reset();
        CHECK(back_off.next() <= 10ms);
    }
    CHECK(sums_ms[0] / 400 == Approx(5).epsilon(0.2));  // uniform: half of the ceiling on average
    CHECK(sums_ms[3] / 400 == Approx(40).epsilon(0.2));
    CHECK(sums_ms[11] / 400 == Approx(500).epsilon(0.2));
}
