#include "cli/commands/event_feed.hpp"

#include <utility>

namespace qck::commands {
namespace {

void append(std::string& out, const char* name, const std::string& line) {
    out.append("event: ").append(name).append("\ndata: ").append(line).append("\n\n");
}

}  // namespace

void EventFeed::begin(std::string head) {
    const std::lock_guard lock(mutex_);
    ++run_;
    head_ = std::move(head);
    states_.clear();
    newest_ = {newest_.number, {}};
    agents_.clear();
    end_.clear();
    of_run_ = 0;
    stride_ = 1;
}

void EventFeed::add_state(std::string state) {
    const std::lock_guard lock(mutex_);
    newest_ = {newest_.number + 1, std::move(state)};
    if (of_run_++ % stride_ != 0) return;
    if (states_.size() == states_max) {
        for (std::size_t at = 0; 2 * at < states_max; ++at) {
            if (at > 0) states_[at] = std::move(states_[2 * at]);
        }
        states_.resize(states_max / 2);
        stride_ *= 2;
    }
    states_.push_back(newest_);
}

void EventFeed::set_agents(std::string agents) {
    if (agents.empty()) return;
    const std::lock_guard lock(mutex_);
    if (agents == agents_) return;
    agents_ = std::move(agents);
    ++agents_number_;
}

void EventFeed::end(std::string end) {
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
    ++end_number_;
}

std::string EventFeed::next(Reader& reader) const {
    const std::lock_guard lock(mutex_);
    std::string out;
    if (reader.run != run_) {
        append(out, "run", head_);
        for (const State& state : states_) append(out, "state", state.text);
        if (!states_.empty()) reader.state = states_.back().number;
    }
    reader.run = run_;
    if (reader.state != newest_.number && !newest_.text.empty()) {
        append(out, "state", newest_.text);
    }
    reader.state = newest_.number;
    if (reader.agents != agents_number_ && !agents_.empty()) append(out, "agents", agents_);
    reader.agents = agents_number_;
    if (reader.end != end_number_ && !end_.empty()) append(out, "finished", end_);
    reader.end = end_number_;
    return out;
}

bool EventFeed::has_more(const Reader& reader) const {
    const std::lock_guard lock(mutex_);
    return reader.run != run_ || (reader.state != newest_.number && !newest_.text.empty()) ||
           (reader.agents != agents_number_ && !agents_.empty()) ||
           (reader.end != end_number_ && !end_.empty());
}

}  // namespace qck::commands
