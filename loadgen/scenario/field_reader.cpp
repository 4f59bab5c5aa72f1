#include "loadgen/scenario/field_reader.hpp"

#include <algorithm>
#include <cctype>

#include "base/nearest_word.hpp"

namespace qck::scenario {
void Problems::add(int line, std::string_view path, std::string_view what) {
    if (++count_ > shown_max) return;
    if (count_ > 1) lines_ += '\n';
    lines_ += file_ + ':' + std::to_string(line) + ": ";
    if (!path.empty()) (lines_ += path) += ": ";
    lines_ += what;
}

void Problems::expected(const JsonNode& got, std::string_view path, std::string_view what) {
    add(got.line, path, "expected " + std::string(what) + ", got " + got.shown());
}

Error Problems::to_error() const {
    std::string message = lines_;
    if (count_ > shown_max) {
        message += "\n" + file_ + ": " + std::to_string(count_ - shown_max) + " more problems";
    }
    return error(Errc::invalid_argument, std::move(message));
}

Error Problems::to_one_line() const {
    std::string message = lines_.substr(0, lines_.find('\n'));
    if (count_ > 1) message += " (and " + std::to_string(count_ - 1) + " more)";
    return error(Errc::invalid_argument, std::move(message));
}

FieldReader::FieldReader(const JsonNode& node, std::string path, Problems& problems)
    : node_(&node), path_(std::move(path)), problems_(&problems) {
    if (!node.is(JsonNode::Kind::object)) problems.expected(node, path_, "an object");
    for (const JsonNode::Duplicate& duplicate : node.duplicates) {
        const auto first = std::find_if(
            node.members.begin(), node.members.end(),
            [&](const JsonNode::Member& member) { return member.key == duplicate.key; });
        problems.add(duplicate.line, path_of(duplicate.key),
                     "given twice (first on line " + std::to_string(first->line) + ")");
    }
}

const JsonNode* FieldReader::optional(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
    return node_->find(key);
}

const JsonNode* FieldReader::required(std::string_view key, std::string_view expected) {
    const JsonNode* const found = optional(key);
    if (found == nullptr && node_->is(JsonNode::Kind::object)) {
        problems_->add(node_->line, path_of(key), "missing; expected " + std::string(expected));
    }
    return found;
}

std::string FieldReader::path_of(std::string_view key) const {
    const bool plain = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '$';
    });
    if (!plain) return path_ + "[" + json_quoted(key) + "]";
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void FieldReader::refuse_others() {
    for (const JsonNode::Member& member : node_->members) {
        if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
        const std::string meant = nearest_word(member.key, known_);
        std::string what = "unknown field";
        if (!meant.empty()) {
            what += " (did you mean " + meant + "?)";
        } else {
            what += " (known here:";
            for (const std::string_view known : known_) what += " " + std::string(known);
            what += ")";
        }
        problems_->add(member.line, path_of(member.key), what);
    }
}

}  // namespace qck::scenario
