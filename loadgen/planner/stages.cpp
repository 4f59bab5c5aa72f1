#include "loadgen/planner/stages.hpp"

#include <algorithm>

namespace qck::planner {
namespace {

constexpr std::string_view guide = "Scaling Guide: Scaling Milestones";
constexpr std::string_view events = "Scalability Considerations: Infrastructure Scaling (AWS)";

constexpr StageItem startup[] = {
    {"Server", "2 vCPU, 4GB RAM", "1", 40},
    {"PostgreSQL", "1 vCPU, 2GB RAM", "1", 30},
    {"Redis", "1 vCPU, 1GB RAM", "1", 15},
    {"ClickHouse", "1 vCPU, 2GB RAM", "1", 15},
};
constexpr StageItem growth[] = {
    {"API Server", "2 vCPU, 4GB RAM", "2", 80},
    {"Redirect Server", "2 vCPU, 2GB RAM", "2", 60},
    {"Worker", "2 vCPU, 4GB RAM", "1", 40},
    {"PostgreSQL Primary", "2 vCPU, 4GB RAM", "1", 60},
    {"PostgreSQL Replica", "2 vCPU, 4GB RAM", "1", 60},
    {"Redis Primary", "2 vCPU, 4GB RAM", "1", 40},
    {"Redis Replica", "2 vCPU, 4GB RAM", "1", 40},
    {"ClickHouse", "2 vCPU, 8GB RAM", "1", 80},
    {"Load Balancer", "", "1", 40},
};
constexpr StageItem scale[] = {
    {"API Server", "4 vCPU, 8GB RAM", "5", 500},
    {"Redirect Server", "4 vCPU, 4GB RAM", "5", 400},
    {"Worker", "4 vCPU, 8GB RAM", "3", 300},
    {"PostgreSQL HA", "4 vCPU, 16GB RAM", "3", 600},
    {"Redis Cluster", "4 vCPU, 8GB RAM", "3", 300},
    {"ClickHouse Cluster", "8 vCPU, 32GB RAM", "2", 600},
    {"Load Balancer", "", "2", 100},
    {"Cloudflare Pro", "", "1", 200},
};
constexpr StageItem enterprise[] = {
    {"API Server (auto-scale)", "4 vCPU, 8GB RAM", "10-20", 1'500},
    {"Redirect Server (auto-scale)", "4 vCPU, 4GB RAM", "15-30", 2'000},
    {"Worker", "8 vCPU, 16GB RAM", "5", 750},
    {"PostgreSQL HA + Citus", "8 vCPU, 32GB RAM", "5", 2'000},
    {"Redis Cluster", "8 vCPU, 16GB RAM", "6", 1'200},
    {"ClickHouse Cluster", "16 vCPU, 64GB RAM", "3", 2'000},
    {"Load Balancer", "", "4", 400},
    {"Cloudflare Business", "", "1", 250},
    {"Monitoring (Datadog)", "", "1", 500},
};
constexpr StageItem hyperscale[] = {
    {"Redirect (global)", "4 vCPU, 4GB RAM", "80", 8'000},
    {"API (global)", "8 vCPU, 16GB RAM", "40", 8'000},
    {"Worker (global)", "8 vCPU, 32GB RAM", "18", 4'500},
    {"PostgreSQL (sharded)", "16 vCPU, 64GB RAM", "12", 12'000},
    {"Redis (global cluster)", "8 vCPU, 32GB RAM", "18", 7'200},
    {"ClickHouse (global)", "32 vCPU, 128GB RAM", "9", 18'000},
    {"Load Balancers", "", "9", 1'800},
    {"Cloudflare Enterprise", "", "1", 5'000},
    {"Monitoring", "", "1", 2'000},
    {"Network/Bandwidth", "", "-", 8'000},
};
constexpr Stage redirects[] = {
    {"Startup", 10e3, startup, 100, "one process of all services", guide},
    {"Growth", 100e3, growth, 500, "", guide},
    {"Scale", 1e6, scale, 3'000, "", guide},
    {"Enterprise", 10e6, enterprise, 10'600, "up to $15,000 when the auto-scalers are at their top",
     guide},
    {"Hyperscale", 100e6, hyperscale, 74'500, "three regions; about $75,000 and more", guide},
};

// The document gives these a price together, none for each.
constexpr StageItem small[] = {
    {"Ingestion", "t3.medium", "2", 0},  {"Kafka", "t3.large", "3", 0},
    {"Consumer", "t3.medium", "3", 0},   {"PostgreSQL", "db.r5.xlarge", "1", 0},
    {"Redis", "cache.r5.large", "1", 0}, {"Analytics", "t3.small", "2", 0},
};
constexpr StageItem medium[] = {
    {"Ingestion (auto-scale)", "t3.medium", "5-20", 0},
    {"Kafka", "r5.xlarge", "6", 0},
    {"Consumer (auto-scale)", "t3.large", "10", 0},
    {"PostgreSQL + 2 read replicas", "db.r5.4xlarge", "3", 0},
    {"Redis (cluster)", "cache.r5.xlarge", "1", 0},
    {"Analytics (auto-scale)", "t3.medium", "5", 0},
};
constexpr StageItem large[] = {
    {"Ingestion (auto-scale)", "c5.2xlarge", "20-100", 0},
    {"Kafka", "r5.2xlarge", "12", 0},
    {"Consumer (auto-scale)", "c5.xlarge", "50", 0},
    {"ClickHouse", "r5.8xlarge", "6", 0},
    {"Redis (cluster)", "cache.r6g.2xlarge", "1", 0},
    {"Analytics (auto-scale)", "c5.large", "10", 0},
};
constexpr Stage event_scales[] = {
    {"Small", 100e6, small, 800, "PostgreSQL, a cache, read replicas", events},
    {"Medium", 1e9, medium, 5'000, "Kafka and consumer groups", events},
    {"Large", 10e9, large, 30'000, "ClickHouse and stream processing", events},
};

}  // namespace

std::span<const Stage> redirect_stages() { return redirects; }
std::span<const Stage> event_stages() { return event_scales; }

const Stage* stage_for(std::span<const Stage> stages, double per_day) {
    const auto found = std::find_if(stages.begin(), stages.end(), [per_day](const Stage& stage) {
        return per_day <= stage.per_day;
    });
    return found == stages.end() ? nullptr : &*found;
}

double sum_of(const Stage& stage) {
    double sum = 0;
    for (const StageItem& item : stage.items) sum += item.dollars_a_month;
    return sum;
}

}  // namespace qck::planner
