#include "loadgen/scenario/field_reader.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace qck::scenario {
namespace {

/// Edits (insert, drop, replace, swap of neighbours) that make `a` into `b`: the optimal string
/// alignment distance.
std::size_t edits_between(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(last.begin(), last.end(), 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

}  // namespace

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
        const std::string_view meant = closest(member.key, known_);
        std::string what = "unknown field";
        if (!meant.empty()) {
            what += " (did you mean " + std::string(meant) + "?)";
        } else {
            what += " (known here:";
            for (const std::string_view known : known_) what += " " + std::string(known);
            what += ")";
        }
        problems_->add(member.line, path_of(member.key), what);
    }
}

std::string_view closest(std::string_view wrong, const std::vector<std::string_view>& known) {
    if (wrong.size() > 64) return {};
    std::string_view best;
    std::size_t fewest = std::max<std::size_t>(1, wrong.size() / 3) + 1;
    for (const std::string_view candidate : known) {
        const std::size_t edits = edits_between(wrong, candidate);
        if (edits < fewest) {
            fewest = edits;
            best = candidate;
        }
    }
    return best;
}

}  // namespace qck::scenario
