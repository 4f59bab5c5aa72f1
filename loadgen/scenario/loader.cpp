#include "loadgen/scenario/loader.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "loadgen/scenario/field_values.hpp"
#include "loadgen/scenario/limits.hpp"
#include "loadgen/scenario/read_parts.hpp"
#include "loadgen/scenario/transform.hpp"

extern "C" {
extern const char qck_viral_burst_json[];
extern const char qck_viral_burst_json_end[];
}

namespace qck::scenario {
namespace {

bool is_http_url(std::string_view text) {
    const bool scheme = text.rfind("http://", 0) == 0 || text.rfind("https://", 0) == 0;
    return scheme && text.size() <= 2048 && text.find("://") + 3 < text.size() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool any_text(std::string_view text) { return text.size() <= 4096; }

void read_tail(FieldReader& links, Links& out) {
    const JsonNode* const node = links.optional("tail");
    if (node == nullptr) return;
    FieldReader tail(*node, links.path_of("tail"), links.problems());
    if (!node->is(JsonNode::Kind::object)) return;
    if (tail.required("count", "a whole number from 1 to 100000000") != nullptr) {
        take_whole(tail, "count", std::uint32_t{1}, limits::tail_count_max, out.tail_count);
    }
    take_number(tail, "zipf", 0, 10, out.zipf_exponent);
    take_text(
        tail, "prefix", Need::optional, "a prefix of 1 to 40 letters, digits, _ or -",
        [](std::string_view text) { return is_code(text) && text.size() <= 40; }, out.tail_prefix);
    tail.refuse_others();
}

void read_links(FieldReader& document, Links& out) {
    const JsonNode* const node = document.optional("links");
    if (node == nullptr) return;
    FieldReader links(*node, "links", document.problems());
    if (!node->is(JsonNode::Kind::object)) return;
    take_text(links, "hot", Need::optional, code_wanted, is_code, out.hot);
    take_text(links, "target_url", Need::optional, "an http or https URL of at most 2048 bytes",
              is_http_url, out.target_url);
    take_share(links, "hot_share", out.hot_share);
    read_tail(links, out);
    links.refuse_others();
    const JsonNode* const share = links.optional("hot_share");
    if (share != nullptr && out.hot_share < 1 && links.optional("tail") == nullptr) {
        links.problems().add(share->line, "links.hot_share",
                             "below 1 it needs links.tail, which the rest is drawn from");
    }
}

void read_mix(FieldReader& document, Plan& plan) {
    take_share(document, "unknown_share", plan.unknown_share);
    take_share(document, "head_share", plan.head_share);
    take_share(document, "bot_share", plan.bot_share);
    take_text(document, "user_agent", Need::optional, header_value_wanted, is_header_value,
              plan.user_agent);
    take_text(document, "bot_user_agent", Need::optional, header_value_wanted, is_header_value,
              plan.bot_user_agent);
}

void read_client(FieldReader& document, Plan& plan) {
    take_rate(document, "new_connections_per_s", Need::optional, Zero::allowed,
              plan.new_connections_per_s);
    take_whole(document, "connections", std::uint32_t{1}, limits::connections_max,
               plan.connections);
    take_whole(document, "pipeline", std::uint32_t{1}, limits::pipeline_max, plan.pipeline);
    take_duration(document, "timeout", Need::optional, limits::timeout_max, "1h", plan.timeout);
    std::string arrival = "uniform";
    take_text(
        document, "arrival", Need::optional, "uniform or poisson",
        [](std::string_view text) { return text == "uniform" || text == "poisson"; }, arrival);
    plan.arrival = arrival == "poisson" ? Arrival::poisson : Arrival::uniform;
    take_whole(document, "seed", std::uint64_t{0}, UINT64_MAX, plan.seed);
}

/// What no single field shows to be wrong.
void check_sums(FieldReader& document, const Plan& plan) {
    Problems& problems = document.problems();
    const JsonNode* const phases = document.optional("phases");
    const double total = requests_of(plan);
    if (total < 1) {
        problems.add(phases->line, "phases", "together they ask for less than one request");
    }
    if (total > limits::total_requests_max) {
        problems.add(phases->line, "phases", "together they ask for " + shown_total(total));
    }
    if (duration_of(plan) > limits::duration_max) {
        problems.add(
            phases->line, "phases",
            "together they take " + format_duration(duration_of(plan)) + ", and a run may take 7d");
    }
    const bool asks_for_links = std::any_of(
        plan.requests.begin(), plan.requests.end(),
        [](const RequestKind& kind) { return kind.path.find("{link}") != std::string::npos; });
    if (plan.unknown_share > 0 && !asks_for_links) {
        problems.add(document.optional("unknown_share")->line, "unknown_share",
                     "no request has {link} in its path, so none can ask for an unknown code");
    }
}

}  // namespace

Result<Plan> parse(std::string_view text, std::string_view file) {
    const auto root = parse_json(text, file);
    if (!root) return root.error();
    Problems problems(file);
    FieldReader document(*root, "", problems);
    if (!root->is(JsonNode::Kind::object)) return problems.to_error();
    Plan plan;
    document.optional("$schema");  // for editors
    take_text(document, "name", Need::required, name_wanted, is_name, plan.name);
    take_text(document, "description", Need::optional, "a string of at most 4096 bytes", any_text,
              plan.description);
    plan.phases = read_phases(document);
    plan.requests = read_requests(document);
    read_links(document, plan.links);
    read_mix(document, plan);
    read_client(document, plan);
    document.refuse_others();
    if (problems.none()) check_sums(document, plan);
    if (!problems.none()) return problems.to_error();
    return plan;
}

std::string_view viral_burst_text() {
    return {qck_viral_burst_json,
            static_cast<std::size_t>(qck_viral_burst_json_end - qck_viral_burst_json)};
}

Plan viral_burst() { return parse(viral_burst_text(), "scenarios/viral-burst.json").value(); }

}  // namespace qck::scenario
