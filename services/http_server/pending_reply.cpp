#include "services/http_server/pending_reply.hpp"

#include "services/http_server/server.hpp"

namespace qck::http_server {

PendingReply& PendingReply::operator=(PendingReply&& other) noexcept {
    if (this != &other) {
        PendingReply given_up(std::move(*this));
        channel_ = std::move(other.channel_);
        slot_ = other.slot_;
        generation_ = other.generation_;
    }
    return *this;
}

PendingReply::~PendingReply() {
    if (channel_) answer(problem(500, "internal", "the request was dropped without an answer"));
}

void PendingReply::answer(Response response) {
    const auto channel = std::move(channel_);
    if (channel) channel->send(slot_, generation_, std::move(response));
}

void PendingReply::Channel::send(std::uint32_t slot, std::uint64_t generation, Response response) {
    const std::lock_guard lock(mutex_);
    if (server_ == nullptr) return;
    answers_.push_back({slot, generation, std::move(response)});
    if (answers_.size() == 1) {
        reactor_.post([self = shared_from_this()] { self->deliver(); });
    }
}

void PendingReply::Channel::disconnect() {
    const std::lock_guard lock(mutex_);
    server_ = nullptr;
    answers_.clear();
}

void PendingReply::Channel::deliver() {
    std::vector<Answer> answers;
    Server* server = nullptr;
    {
        const std::lock_guard lock(mutex_);
        answers.swap(answers_);
        server = server_;
    }
    if (server == nullptr) return;
    for (const Answer& answer : answers) {
        Session* const session = server->find_waiting(answer.slot, answer.generation);
        if (session != nullptr) session->resume(answer.response);
    }
}

}  // namespace qck::http_server
