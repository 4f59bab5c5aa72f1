#include "loadgen/planner/burst_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/units.hpp"

namespace qck::planner {
namespace {

/// `10M`, `0.45`, `28.23k`: a number within a computation.
std::string num(double value) {
    if (value >= 1'000) return format_rate(value);
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

/// Rounded up, but for what is only the dust of a division.
double whole(double value) { return std::ceil(value - 1e-9); }

/// Computes the figures one after another; each step adds those of its group.
class Planning {
public:
    Planning(double peak_per_s, const Assumptions& given) : peak_(peak_per_s), given_(given) {}

    std::vector<Figure> figures() {
        burst();
        generator();
        redirect();
        redis();
        clickhouse();
        postgres();
        disk();
        money();
        return std::move(figures_);
    }

private:
    double of(Given id) const { return given_.of(id); }
    std::string text(Given id) const { return num(of(id)); }

    double add(const char* group, const char* name, double value, const char* unit, std::string how,
               std::vector<Given> from, std::string note = {}) {
        figures_.push_back(
            {group, name, value, unit, std::move(how), std::move(from), std::move(note)});
        return value;
    }

    void burst() {
        const double peak = peak_ * of(Given::peak_s);
        const double stragglers = peak_ * of(Given::stragglers_share) * of(Given::stragglers_s);
        const double retweets = peak_ * of(Given::retweets_share) * of(Given::retweets_s);
        clicks_ = add("burst", "clicks", peak + stragglers + retweets, "clicks",
                      num(peak) + " + " + num(stragglers) + " + " + num(retweets),
                      {Given::peak_s, Given::stragglers_share, Given::stragglers_s,
                       Given::retweets_share, Given::retweets_s},
                      "\"Viral Burst: The Reality\" rounds its own, 160M, to about 150M");
        millions_ = clicks_ / 1e6;
        seconds_ = of(Given::peak_s) + of(Given::stragglers_s) + of(Given::retweets_s);
        add("burst", "length", seconds_, "s",
            text(Given::peak_s) + " + " + text(Given::stragglers_s) + " + " +
                text(Given::retweets_s),
            {Given::peak_s, Given::stragglers_s, Given::retweets_s});
    }

    void generator() {
        const double per_core = of(Given::generator_rate_per_core) * of(Given::generator_share);
        const double cores =
            add("generator", "cores", whole(peak_ / per_core), "cores",
                "ceil(" + num(peak_) + " / (" + text(Given::generator_rate_per_core) + " x " +
                    text(Given::generator_share) + "))",
                {Given::generator_rate_per_core, Given::generator_share});
        const double by_cores = whole(cores / of(Given::agent_cores));
        const double out = peak_ * of(Given::request_bytes) * 8 / 1e9;
        const double in = peak_ * of(Given::answer_bytes) * 8 / 1e9;
        add("generator", "sent", out, "Gbit/s",
            num(peak_) + " x " + text(Given::request_bytes) + " x 8 bits", {Given::request_bytes});
        add("generator", "received", in, "Gbit/s",
            num(peak_) + " x " + text(Given::answer_bytes) + " x 8 bits", {Given::answer_bytes});
        add("generator", "packets", peak_ * of(Given::packets_per_request), "packets/s each way",
            num(peak_) + " x " + text(Given::packets_per_request), {Given::packets_per_request});
        const double by_net = whole(std::max(out, in) / of(Given::agent_gigabits));
        const double agents =
            add("generator", "agents", std::max(by_cores, by_net), "machines",
                "max(ceil(" + num(cores) + " / " + text(Given::agent_cores) + " cores), ceil(" +
                    num(std::max(out, in)) + " / " + text(Given::agent_gigabits) + " Gbit/s))",
                {Given::agent_cores, Given::agent_gigabits},
                by_net > by_cores ? "the network decides" : "");
        ports(agents);
    }

    void ports(double agents) {
        const double open =
            add("generator", "connections open", whole(peak_ * of(Given::latency_ms) / 1e3),
                "connections", num(peak_) + " x " + text(Given::latency_ms) + " ms (Little's law)",
                {Given::latency_ms});
        const double new_per_s = peak_ / of(Given::clicks_per_connection);
        const double closed = new_per_s * std::min(of(Given::time_wait_s), of(Given::peak_s));
        const double held = add("generator", "ports held", whole(open + closed), "ports",
                                num(open) + " open + " + num(new_per_s) + "/s closed x " +
                                    num(std::min(of(Given::time_wait_s), of(Given::peak_s))) + " s",
                                {Given::clicks_per_connection, Given::time_wait_s, Given::peak_s});
        const double addresses = whole(held / of(Given::ports_per_address));
        add("generator", "source addresses", std::max(addresses, agents), "addresses",
            "max(ceil(" + num(held) + " / " + text(Given::ports_per_address) + "), one an agent)",
            {Given::ports_per_address},
            addresses > agents ? "more than one an agent, or several addresses of the target" : "");
    }

    void redirect() {
        instances_ =
            add("redirect", "instances", whole(peak_ / of(Given::redirect_rate)), "instances",
                "ceil(" + num(peak_) + " / " + text(Given::redirect_rate) + ")",
                {Given::redirect_rate});
    }

    void redis() {
        const double ops = add(
            "redis", "operations", peak_ * of(Given::redis_ops_per_click), "operations/s",
            num(peak_) + " x " + text(Given::redis_ops_per_click), {Given::redis_ops_per_click});
        const double masters =
            add("redis", "masters", whole(ops / of(Given::redis_ops_per_node)), "nodes",
                "ceil(" + num(ops) + " / " + text(Given::redis_ops_per_node) + ")",
                {Given::redis_ops_per_node},
                "one link is one slot, and so one node: spreading helps many "
                "links, not a single hot one");
        add("redis", "nodes", masters * (1 + of(Given::redis_replicas)), "nodes",
            num(masters) + " x (1 + " + text(Given::redis_replicas) + ")", {Given::redis_replicas});
        add("redis", "memory", of(Given::redis_memory_gb), "GB", "as its source has it, below",
            {Given::redis_memory_gb});
        add("redis", "operations by qck serve", instances_ * 10, "scripts/s",
            num(instances_) + " instances x 10 a second", {},
            "totals of a hot link, not clicks: one master takes it");
    }

    void clickhouse() {
        const double nodes =
            add("clickhouse", "nodes at the pace of the clicks",
                whole(peak_ / of(Given::clickhouse_rows_per_node)), "nodes",
                "ceil(" + num(peak_) + " / " + text(Given::clickhouse_rows_per_node) + ")",
                {Given::clickhouse_rows_per_node});
        add("clickhouse", "memory", nodes * of(Given::clickhouse_node_memory_gb), "GB",
            num(nodes) + " x " + text(Given::clickhouse_node_memory_gb),
            {Given::clickhouse_node_memory_gb});
        const double waiting = waiting_for_one_node();
        add("clickhouse", "one node behind by", waiting / of(Given::clickhouse_rows_per_node), "s",
            num(waiting) + " waiting at most / " + text(Given::clickhouse_rows_per_node),
            {Given::clickhouse_rows_per_node, Given::peak_s, Given::stragglers_share,
             Given::stragglers_s, Given::retweets_share, Given::retweets_s},
            "the lightning rod: clicks wait in the journal, and one node takes them later");
    }

    /// The most clicks that ever wait for it: a rate above what it takes adds to them, one below
    /// works them off, so it is at the end of a phase.
    double waiting_for_one_node() const {
        const std::pair<double, Given> phases[] = {
            {1, Given::peak_s},
            {of(Given::stragglers_share), Given::stragglers_s},
            {of(Given::retweets_share), Given::retweets_s}};
        double waiting = 0;
        double most = 0;
        for (const auto& [share, length_s] : phases) {
            const double grown_per_s = peak_ * share - of(Given::clickhouse_rows_per_node);
            waiting = std::max(waiting + grown_per_s * of(length_s), 0.0);
            most = std::max(most, waiting);
        }
        return most;
    }

    void postgres() {
        add("postgres", "updates, one a click", peak_, "updates/s", num(peak_), {},
            peak_ > of(Given::postgres_updates)
                ? "over its limit of " + text(Given::postgres_updates) +
                      "/s: keep it out of the path"
                : "");
        add("postgres", "updates, batched", 1 / of(Given::sync_s), "updates/s a link",
            "1 / " + text(Given::sync_s) + " s", {Given::sync_s, Given::postgres_updates});
    }

    void disk() {
        add("disk", "journal", clicks_ * of(Given::journal_bytes) / 1e9, "GB",
            num(clicks_) + " x " + text(Given::journal_bytes) + " bytes", {Given::journal_bytes});
        add("disk", "journal, written at the peak", peak_ * of(Given::journal_bytes) / 1e6, "MB/s",
            num(peak_) + " x " + text(Given::journal_bytes) + " bytes", {Given::journal_bytes},
            "over all instances");
        add("disk", "ClickHouse", clicks_ * of(Given::row_bytes) / of(Given::row_compression) / 1e9,
            "GB",
            num(clicks_) + " x " + text(Given::row_bytes) + " bytes / " +
                text(Given::row_compression),
            {Given::row_bytes, Given::row_compression}, "a replica");
    }

    void money() {
        double sum = 0;
        const auto item = [&](const char* name, Given id) {
            sum += add("money", name, millions_ * of(id), "$",
                       num(millions_) + " million x $" + text(id), {id});
        };
        item("CDN", Given::cost_cdn);
        item("Redis", Given::cost_redis);
        item("ClickHouse", Given::cost_clickhouse);
        item("bandwidth", Given::cost_bandwidth);
        add("money", "in all", sum, "$", "the four together", {},
            "\"Viral Burst: Cost for 30-Second Burst\" has $175 for 150M clicks");
        add("money", "answered at the edge instead", millions_ * of(Given::cost_edge), "$",
            num(millions_) + " million x $" + text(Given::cost_edge), {Given::cost_edge});
    }

    double peak_;
    const Assumptions& given_;
    double clicks_ = 0;
    double millions_ = 0;
    double seconds_ = 0;
    double instances_ = 0;
    std::vector<Figure> figures_;
};

}  // namespace

std::vector<Figure> plan_burst(double peak_per_s, const Assumptions& given) {
    return Planning(peak_per_s, given).figures();
}

const Figure* find_figure(const std::vector<Figure>& figures, std::string_view group,
                          std::string_view name) {
    const auto found = std::find_if(figures.begin(), figures.end(), [&](const Figure& figure) {
        return figure.group == group && figure.name == name;
    });
    return found == figures.end() ? nullptr : &*found;
}

}  // namespace qck::planner
