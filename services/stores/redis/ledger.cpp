#include "services/stores/redis/ledger.hpp"

#include "services/stores/redis/protocol/error_reply.hpp"

namespace qck::redis {

bool Ledger::admit(const Request& request) {
    const std::size_t bytes = request.command.encoded_bytes();
    const bool room = commands_ < commands_max_ && bytes_ + bytes <= bytes_max_;
    ++commands_;
    bytes_ += bytes;
    figures_.sent.add();
    figures_.in_flight.set(commands_);
    if (!room) figures_.rejected.add();
    return room;
}

void Ledger::count_out(const Request& request) {
    --commands_;
    bytes_ -= request.command.encoded_bytes();
    figures_.in_flight.set(commands_);
}

void Ledger::finish(Request&& request, Reply&& reply, const std::string& server) {
    if (reply.is_error()) {
        const Refusal refusal = parse_error_reply(reply.text()).refusal;
        finish(std::move(request), error(code_of(refusal), "redis " + server + " refused " +
                                                               std::string(request.command.name()) +
                                                               ": " + std::string(reply.text())));
        return;
    }
    count_out(request);
    figures_.answered.add();
    request.done(std::move(reply));
}

void Ledger::finish(Request&& request, Error why) {
    count_out(request);
    figures_.failed.add();
    if (why.code == Errc::timed_out) figures_.timed_out.add();
    request.done(std::move(why));
}

void Ledger::refuse_later(Request&& request, Error why) {
    refused_.emplace_back(std::move(request), std::move(why));
}

void Ledger::settle() {
    std::vector<std::pair<Request, Error>> refused;
    refused.swap(refused_);
    for (auto& [request, why] : refused) finish(std::move(request), std::move(why));
}

}  // namespace qck::redis
