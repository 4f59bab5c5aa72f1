#include "services/api/batch.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "services/api/link_json.hpp"
#include "services/api/replies.hpp"

namespace qck::api {
namespace {

constexpr std::string_view white_space = " \t\r\n";

Result<links::Link> judged(Result<LinkFields> fields, const links::LinkRules& rules,
                           std::int64_t now_ms) {
    if (!fields) return fields.error();
    return link_from(std::move(*fields), rules, now_ms);
}

void append_created(std::string& json, std::size_t line, const links::Link& link) {
    json.append(R"({"line":)").append(std::to_string(line)).append(R"(,"status":201,"code":)");
    append_string(json, link.code);
    json.append(R"(,"id":")").append(std::to_string(link.id)).append("\"},");
}

void append_failed(std::string& json, std::size_t line, const Error& error) {
    const auto kind = problem_kind(error.code, "code-taken");
    json.append(R"({"line":)").append(std::to_string(line));
    json.append(R"(,"status":)").append(std::to_string(kind.status));
    json.append(R"(,"type":"urn:qck:)").append(kind.type).append(R"(","error":)");
    append_string(json, error.message);
    json += "},";
}

}  // namespace

Result<Batch> Batch::read(std::string_view body, const BatchOptions& options,
                          const links::LinkRules& rules, std::int64_t now_ms) {
    Batch batch(options);
    const auto first = body.find_first_not_of(white_space);
    if (first == std::string_view::npos) {
        return error(Errc::invalid_argument,
                     "the body is empty: expected an array of links, or one JSON object a line");
    }
    if (body[first] == '[') {
        if (auto good = batch.read_array(body, rules, now_ms); !good) return good.error();
    } else {
        batch.read_lines(body, rules, now_ms);
    }
    return batch;
}

Result<void> Batch::read_array(std::string_view body, const links::LinkRules& rules,
                               std::int64_t now_ms) {
    std::size_t place = 0;
    return read_objects(body, true, [&](Result<LinkFields> fields) {
        ++place;
        if (!is_over()) add(place, judged(std::move(fields), rules, now_ms));
    });
}

void Batch::read_lines(std::string_view body, const links::LinkRules& rules, std::int64_t now_ms) {
    for (std::size_t number = 1; !body.empty() && !is_over(); ++number) {
        const auto end = std::min(body.find('\n'), body.size());
        const auto line = body.substr(0, end);
        body.remove_prefix(std::min(end + 1, body.size()));
        if (line.find_first_not_of(white_space) == std::string_view::npos) continue;
        Result<links::Link> link = error(Errc::internal, "");
        const auto read = read_objects(line, false, [&](Result<LinkFields> fields) {
            link = judged(std::move(fields), rules, now_ms);
        });
        if (!read) link = read.error();
        add(number, std::move(link));
    }
}

void Batch::add(std::size_t line, Result<links::Link> link) {
    if (items_.size() == options_.items_max) {
        too_many_ = true;
        return;
    }
    over_ = options_.stop_at_error && !link;
    items_.push_back({line, std::move(link)});
}

std::vector<links::Link> Batch::take_links() {
    std::vector<links::Link> links;
    links.reserve(items_.size());
    for (auto& item : items_) {
        if (item.link) links.push_back(std::move(*item.link));
    }
    return links;
}

http_server::Response Batch::answer(const std::vector<Result<links::Link>>& stored) const {
    std::string results;
    if (!options_.errors_only) results.reserve(items_.size() * 80);
    std::size_t created = 0;
    std::size_t failed = 0;
    std::size_t next_stored = 0;
    for (const auto& item : items_) {
        if (item.link && next_stored == stored.size()) break;  // a conflict ended the batch
        const auto& outcome = item.link ? stored[next_stored++] : item.link;
        if (!outcome) {
            ++failed;
            append_failed(results, item.line, outcome.error());
        } else {
            ++created;
            if (!options_.errors_only) append_created(results, item.line, *outcome);
        }
    }
    if (!results.empty()) results.pop_back();  // the last comma

    http_server::Response response;
    response.status = failed == 0 ? 201 : 207;
    response.body.reserve(results.size() + 64);
    response.body.append(R"({"created":)").append(std::to_string(created));
    response.body.append(R"(,"failed":)").append(std::to_string(failed));
    response.body.append(R"(,"results":[)").append(results).append("]}\n");
    return response;
}

}  // namespace qck::api
