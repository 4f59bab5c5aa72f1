#include "loadgen/planner/assumptions.hpp"

#include <cstdio>

namespace qck::planner {
namespace {

// The documents, by their titles.
constexpr const char* burst = "Viral Burst: The Reality";
constexpr const char* burst_plan = "Viral Burst: Scaling Infrastructure";
constexpr const char* burst_limits = "Viral Burst: Database Specific Limits";
constexpr const char* burst_cost = "Viral Burst: Cost for 30-Second Burst, of 150M clicks";

std::string shown(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.12g", value);
    return text;
}

}  // namespace

Assumptions::Assumptions()
    : all_{{
          {Given::stragglers_share, "stragglers-share", 0.1, "of the peak", "rate after the peak",
           burst, 0, 1},
          {Given::retweets_share, "retweets-share", 0.01, "of the peak", "rate of the retweets",
           burst, 0, 1},
          {Given::peak_s, "peak", 10, "s", "length of the peak", burst, 0.001, 1e6},
          {Given::stragglers_s, "stragglers", 30, "s", "length of the stragglers", burst, 0, 1e6},
          {Given::retweets_s, "retweets", 300, "s", "length of the retweets", burst, 0, 1e7},
          {Given::generator_rate_per_core, "generator-rate", 125e3, "requests/s a core",
           "what one core of generator offers",
           "measured by --calibrate on one core of a shared 2-core virtual machine: 110k, 125k, "
           "134k",
           1, 1e9},
          {Given::generator_share, "generator-share", 0.45, "of that",
           "how much of a generator core may be used and still keep time",
           "qck bench viral: the reserve of its calibration (ADR 0050)", 0.01, 1},
          {Given::agent_cores, "agent-cores", 8, "cores", "cores of an agent's machine",
           "assumed: a common machine", 1, 4096},
          {Given::agent_gigabits, "agent-gigabits", 10, "Gbit/s", "each way, of an agent's network",
           "assumed: a common machine", 0.001, 1e5},
          {Given::request_bytes, "request-bytes", 147, "bytes", "a request on the wire",
           "measured by --calibrate: HTTP by qck bench, and 66 of Ethernet, IPv4 and TCP", 1, 1e9},
          {Given::answer_bytes, "answer-bytes", 224, "bytes", "an answer on the wire",
           "measured by --calibrate: HTTP by qck serve, and 66 of Ethernet, IPv4 and TCP", 1, 1e9},
          {Given::packets_per_request, "packets", 1, "packets each way",
           "packets of a request, on a connection that is kept",
           "acknowledgements ride on data; up to 2 where they do not", 0.01, 1e4},
          {Given::latency_ms, "latency-ms", 5, "ms", "how long a request may stay open",
           "Scaling Guide: redirect p99, critical threshold", 0.001, 1e7},
          {Given::ports_per_address, "ports", 28'232, "ports",
           "local ports of an address to one address of the target",
           "Linux: net.ipv4.ip_local_port_range", 1, 65'535},
          {Given::clicks_per_connection, "clicks-per-connection", 100, "requests",
           "requests on a connection before it is closed", "assumed: 1 is a new visitor each time",
           1, 1e12},
          {Given::time_wait_s, "time-wait", 60, "s", "how long a closed connection keeps its port",
           "Linux: TCP_TIMEWAIT_LEN", 0, 1e4},
          {Given::redirect_rate, "redirect-rate", 500e3, "requests/s",
           "what one redirect instance answers",
           std::string(burst_plan) + ": 20 backends of 500k requests/s each", 1, 1e9},
          {Given::redis_ops_per_click, "redis-ops-per-click", 1, "operations",
           "Redis operations of a click",
           "Viral Burst: redis.incr a click (a counter a second adds two)", 0, 1e3},
          {Given::redis_ops_per_node, "redis-ops", 1e6, "operations/s", "what one Redis node takes",
           std::string(burst_limits) + ": 1M a node (its own plan of 10M has 6 nodes at ~1.6M)", 1,
           1e9},
          {Given::redis_replicas, "redis-replicas", 1, "a master", "replicas of each Redis master",
           std::string(burst_plan) + ": 3 masters, 3 replicas", 0, 10},
          {Given::clickhouse_rows_per_node, "clickhouse-rows", 2e6, "rows/s",
           "what one ClickHouse node takes",
           std::string(burst_plan) + ": 5 nodes of 2M events/s (limits: 1-2M)", 1, 1e9},
          {Given::clickhouse_node_memory_gb, "clickhouse-memory", 128, "GB",
           "memory of a ClickHouse node", burst_plan, 0, 1e6},
          {Given::redis_memory_gb, "redis-memory", 256, "GB", "memory of the Redis cluster",
           burst_plan, 0, 1e6},
          {Given::postgres_updates, "postgres-updates", 10e3, "updates/s",
           "what PostgreSQL takes on single rows", burst_limits, 1, 1e9},
          {Given::sync_s, "sync", 10, "s", "between updates of links.click_count",
           "Viral Burst: batch sync to PostgreSQL", 0.1, 1e6},
          {Given::journal_bytes, "journal-bytes", 48, "bytes", "a click in the journal",
           "qck serve: a frame of a click (services/clicks/frame.hpp)", 1, 1e6},
          {Given::row_bytes, "row-bytes", 200, "bytes", "a click as a ClickHouse row, uncompressed",
           "assumed: the click table of the Scaling Guide with a user agent of 100 bytes", 1, 1e6},
          {Given::row_compression, "row-compression", 10, "times", "compression of ClickHouse",
           "Scalability Considerations: 10-100x, the lower end", 1, 1e4},
          {Given::cost_cdn, "cost-cdn", 50.0 / 150, "$ a million", "CDN, requests", burst_cost, 0,
           1e6},
          {Given::cost_redis, "cost-redis", 5.0 / 150, "$ a million", "Redis operations",
           burst_cost, 0, 1e6},
          {Given::cost_clickhouse, "cost-clickhouse", 20.0 / 150, "$ a million",
           "ClickHouse ingestion", burst_cost, 0, 1e6},
          {Given::cost_bandwidth, "cost-bandwidth", 100.0 / 150, "$ a million", "bandwidth",
           burst_cost, 0, 1e6},
          {Given::cost_edge, "cost-edge", 0.5, "$ a million",
           "edge workers, where they answer instead", "Viral Burst: Edge Caching", 0, 1e6},
      }} {}

Result<void> Assumptions::set(Given id, double value, std::string source) {
    Assumption& one = all_[static_cast<std::size_t>(id)];
    // Not a number compares with nothing.
    if (!(value >= one.least && value <= one.most)) {
        return error(Errc::invalid_argument, "'" + shown(value) + "' is not from " +
                                                 shown(one.least) + " to " + shown(one.most) +
                                                 " (" + std::string(one.unit) + ")");
    }
    one.value = value;
    one.source = std::move(source);
    return {};
}

}  // namespace qck::planner
