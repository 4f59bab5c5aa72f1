#include "loadgen/fleet/protocol/message.hpp"

#include <nlohmann/json.hpp>

#include "loadgen/fleet/protocol/archive.hpp"
#include "loadgen/fleet/protocol/message_check.hpp"

namespace qck::record {

template <class Archive>
void fields(Archive& all, Accounting& m) {
    all(m.scheduled), all(m.sent), all(m.unsent), all(m.answered);
    all(m.failed), all(m.timed_out), all(m.in_flight);
}
template <class Archive>
void fields(Archive& all, PhaseGain& m) {
    all(m.phase), all(m.accounting), all(m.bytes_sent), all(m.bytes_received), all(m.status);
    all(m.unexpected), all(m.failed_by), all(m.unsent_by), all(m.latency), all(m.service),
        all(m.send_lag);
}
template <class Archive>
void fields(Archive& all, IntervalGain& m) {
    all(m.interval), all(m.scheduled), all(m.sent), all(m.answered), all(m.failed);
    all(m.timed_out), all(m.unsent), all(m.failed_by), all(m.latency);
}
template <class Archive>
void fields(Archive& all, KindGain& m) {
    all(m.kind), all(m.sent), all(m.unsent), all(m.answered), all(m.unexpected), all(m.failed);
    all(m.timed_out), all(m.latency);
}
template <class Archive>
void fields(Archive& all, LinkGain& m) {
    all(m.hot), all(m.unknown), all(m.other), all(m.tail);
}
template <class Archive>
void fields(Archive& all, Gain& m) {
    all(m.phases), all(m.series), all(m.kinds), all(m.links);
}
template <class Archive>
void fields(Archive& all, ThreadResult& m) {
    all(m.cpu), all(m.cpu_time), all(m.spin_time), all(m.wall_time), all(m.began_late);
    all(m.wakeups), all(m.wake_lag);
}
template <class Archive>
void fields(Archive& all, InterfaceUse& m) {
    all(m.name), all(m.speed_per_s), all(m.busiest_share), all(m.sent_bytes);
    all(m.received_bytes), all(m.packets), all(m.dropped), all(m.errors);
}
template <class Archive>
void fields(Archive& all, SocketUse& m) {
    all(m.tcp), all(m.time_wait), all(m.local_ports), all(m.descriptors_allowed);
}
template <class Archive>
void fields(Archive& all, CpuStretch& m) {
    all(m.begin), all(m.length), all(m.cpus), all(m.stolen), all(m.stolen_most);
    all(m.others), all(m.kept_waiting), all(m.ours);
}
template <class Archive>
void fields(Archive& all, GeneratorEvidence& m) {
    all(m.threads), all(m.cpu_share_max), all(m.steal_share), all(m.retransmits);
    all(m.connections_opened), all(m.connections_lost), all(m.connect_failed_by);
    all(m.connections_open_max), all(m.interfaces), all(m.sockets);
    all(m.cpu_stretches), all(m.target_is_here);
}

}  // namespace qck::record

namespace qck::scenario {

template <class Archive>
void fields(Archive& all, Phase& m) {
    all(m.name), all(m.shape), all(m.rate_from_per_s), all(m.rate_to_per_s), all(m.duration);
}
template <class Archive>
void fields(Archive& all, RequestKind& m) {
    all(m.name), all(m.weight), all(m.method), all(m.path), all(m.headers), all(m.body);
    all(m.to_api), all(m.expect);
}
template <class Archive>
void fields(Archive& all, Users::Group& m) {
    all(m.name), all(m.count), all(m.rate_per_s), all(m.request);
}
template <class Archive>
void fields(Archive& all, Users& m) {
    all(m.groups), all(m.spawn_per_s);
}
template <class Archive>
void fields(Archive& all, Links& m) {
    all(m.hot), all(m.target_url), all(m.hot_share), all(m.tail_count), all(m.zipf_exponent);
    all(m.tail_prefix);
}
template <class Archive>
void fields(Archive& all, Plan& m) {
    all(m.name), all(m.description), all(m.phases), all(m.requests), all(m.users);
    all(m.links), all(m.unknown_share), all(m.head_share), all(m.bot_share), all(m.user_agent);
    all(m.bot_user_agent), all(m.new_connections_per_s), all(m.connections), all(m.pipeline);
    all(m.timeout), all(m.arrival), all(m.seed);
}

}  // namespace qck::scenario

namespace qck::fleet {

template <class Archive>
void fields(Archive& all, Hello& m) {
    all(m.protocol), all(m.version), all(m.role), all(m.nonce), all(m.name), all(m.host);
    all(m.threads);
}
template <class Archive>
void fields(Archive& all, Proof& m) {
    all(m.mac);
}
template <class Archive>
void fields(Archive& all, Refusal& m) {
    all(m.why);
}
template <class Archive>
void fields(Archive& all, Beat& m) {
    all(m.sent_ns), all(m.lease_until_ns);
}
template <class Archive>
void fields(Archive& all, Pulse& m) {
    all(m.beat_sent_ns), all(m.received_ns), all(m.answered_ns);
}
template <class Archive>
void fields(Archive& all, Lanes& m) {
    all(m.lanes), all(m.period), all(m.first);
}
template <class Archive>
void fields(Archive& all, Prepare& m) {
    all(m.run), all(m.plan), all(m.target), all(m.api), all(m.verify_target);
    all(m.closed_loop), all(m.threads), all(m.siblings), all(m.lanes);
}
template <class Archive>
void fields(Archive& all, Ready& m) {
    all(m.run);
}
template <class Archive>
void fields(Archive& all, Start& m) {
    all(m.run), all(m.at_ns);
}
template <class Archive>
void fields(Archive& all, TakeOver& m) {
    all(m.run), all(m.stripes);
}
template <class Archive>
void fields(Archive& all, AllowEnd& m) {
    all(m.run);
}
template <class Archive>
void fields(Archive& all, Stop& m) {
    all(m.run), all(m.now);
}
template <class Archive>
void fields(Archive& all, Progress& m) {
    all(m.run), all(m.gain), all(m.connections_open), all(m.connect_failures);
    all(m.connect_cause);
}
template <class Archive>
void fields(Archive& all, Done& m) {
    all(m.run), all(m.ran_ns), all(m.evidence);
}
template <class Archive>
void fields(Archive& all, Failed& m) {
    all(m.run), all(m.why);
}

namespace {

using Json = nlohmann::json;

Error malformed(const std::string& why) {
    return error(Errc::invalid_argument, "a message of the fleet protocol is malformed: " + why);
}

/// Finds out whether bytes are MessagePack without building anything of it, and nested no deeper
/// than our messages are: the library's parser calls itself for each level.
class DepthCheck final : public nlohmann::json_sax<Json> {
public:
    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override { return false; }
    bool key(string_t&) override { return false; }
    bool end_object() override { return false; }
    bool start_array(std::size_t) override { return ++depth_ <= depth_max; }
    bool end_array() override {
        --depth_;
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
        return false;
    }

private:
    static constexpr int depth_max = 12;
    int depth_ = 0;
};

template <std::size_t kind = 0>
Result<Message> decode_as(std::size_t wanted, const Json& body) {
    if constexpr (kind == std::variant_size_v<Message>) {
        return malformed("it is of no known kind");
    } else {
        if (kind != wanted) return decode_as<kind + 1>(wanted, body);
        std::variant_alternative_t<kind, Message> message;
        FieldParser parser(body);
        fields(parser, message);
        if (!parser.good())
            return malformed("its fields are not those of kind " + std::to_string(kind));
        return Message(std::move(message));
    }
}

}  // namespace

std::string encode(const Message& message) {
    FieldWriter body;
    std::visit([&](const auto& one) { body(one); }, message);
    Json both = body.take();
    both.insert(both.begin(), message.index());
    std::string bytes;
    Json::to_msgpack(both, bytes);
    return bytes;
}

Result<Message> decode(std::string_view bytes) {
    DepthCheck depth;
    if (!Json::sax_parse(bytes.begin(), bytes.end(), &depth, Json::input_format_t::msgpack)) {
        return malformed("it is no MessagePack");
    }
    const Json both = Json::from_msgpack(bytes.begin(), bytes.end(), true, false);
    if (!both.is_array() || both.size() != 2 || !both[0].is_number_unsigned()) {
        return malformed("it is no pair of kind and fields");
    }
    auto message = decode_as(both[0].get<std::size_t>(), both[1]);
    if (!message) return message;
    if (auto good = check_message(*message); !good) return malformed(good.error().message);
    return message;
}

}  // namespace qck::fleet
