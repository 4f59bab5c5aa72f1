#include "loadgen/schedule/request_mix.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace qck::schedule {
namespace {

std::vector<double> zipf_weights(std::uint32_t count, double exponent) {
    std::vector<double> weights(count);
    for (std::uint32_t at = 0; at < count; ++at) weights[at] = std::pow(at + 1.0, -exponent);
    return weights;
}

}  // namespace

AliasTable::AliasTable(const std::vector<double>& weights) : cells_(weights.size()) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    std::vector<double> share(weights.size());
    std::vector<std::uint32_t> small;
    std::vector<std::uint32_t> large;
    for (std::uint32_t at = 0; at < weights.size(); ++at) {
        share[at] = weights[at] / sum * static_cast<double>(weights.size());
        (share[at] < 1 ? small : large).push_back(at);
    }
    while (!small.empty() && !large.empty()) {
        const std::uint32_t poor = small.back();
        const std::uint32_t rich = large.back();
        small.pop_back();
        cells_[poor] = {static_cast<std::uint32_t>(share[poor] * 0x1p32), rich};
        share[rich] -= 1 - share[poor];
        if (share[rich] < 1) {
            large.pop_back();
            small.push_back(rich);
        }
    }
    // What is left over is whole but for rounding, and belongs to itself.
    for (const auto& rest : {small, large}) {
        for (const std::uint32_t at : rest) cells_[at] = {0xffff'ffff, at};
    }
}

RequestMix::RequestMix(const scenario::Plan& plan)
    : seed_(mix64(plan.seed)),
      hot_share_(plan.links.tail_count == 0 ? 1 : plan.links.hot_share),
      unknown_share_(plan.unknown_share),
      head_share_(plan.head_share),
      bot_share_(plan.bot_share) {
    std::vector<double> weights;
    for (const scenario::RequestKind& kind : plan.requests) {
        const auto says = [&](const char* word) {
            if (kind.path.find(word) != std::string::npos) return true;
            return kind.body.find(word) != std::string::npos;
        };
        kinds_.push_back({says("{link}"), says("{unknown}"), kind.path == "/" + plan.links.hot,
                          kind.method == http::Method::get, kind.method == http::Method::head});
        weights.push_back(kind.weight);
    }
    kind_table_ = AliasTable(weights);
    if (hot_share_ < 1) {
        tail_table_ = AliasTable(zipf_weights(plan.links.tail_count, plan.links.zipf_exponent));
    }
    const bool one_link =
        kinds_.size() == 1 && (!kinds_[0].asks_link || (hot_share_ >= 1 && unknown_share_ <= 0));
    if (one_link && head_share_ <= 0 && bot_share_ <= 0) {
        only_ = draw(0);
        always_ = true;
    }
}

Choice RequestMix::draw(std::uint64_t n, std::optional<std::uint16_t> settled) const {
    SplitMix64 random(seed_ + mix64(n));
    Choice choice;
    if (settled) {
        choice.kind = *settled;
    } else if (kinds_.size() > 1) {
        choice.kind = static_cast<std::uint16_t>(kind_table_.pick(random.next()));
    }
    const Kind& kind = kinds_[choice.kind];
    if (kind.asks_link) {
        if (unknown_share_ > 0 && random.next_share() < unknown_share_) {
            choice.link = scenario::link_unknown;
        } else if (hot_share_ < 1 && random.next_share() >= hot_share_) {
            choice.link = tail_table_.pick(random.next()) + 1;
        }
    } else if (!kind.asks_hot) {
        choice.link = kind.asks_unknown ? scenario::link_unknown : scenario::link_none;
    }
    choice.head = kind.is_head;
    if (kind.is_get && head_share_ > 0) choice.head = random.next_share() < head_share_;
    if (bot_share_ > 0) choice.bot = random.next_share() < bot_share_;
    return choice;
}

}  // namespace qck::schedule
