#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "loadgen/scenario/link_rank.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::schedule {

/// What request n is: decided by the seed and n alone.
struct Choice {
    std::uint32_t link = scenario::link_hot;
    std::uint16_t kind = 0;  ///< index into Plan::requests
    bool head = false;       ///< HEAD, of itself or instead of GET
    bool bot = false;

    bool operator==(const Choice&) const = default;
};

/// Draws from finite weights in constant time (alias method, Vose 1991).
class AliasTable {
public:
    explicit AliasTable(const std::vector<double>& weights);
    AliasTable() = default;

    /// An index, by one well-mixed 64-bit number.
    std::uint32_t pick(std::uint64_t random) const {
        const auto slot = static_cast<std::uint32_t>(((random >> 32) * cells_.size()) >> 32);
        // The low half decides between the slot's two owners; the high half chose the slot.
        return static_cast<std::uint32_t>(random) < cells_[slot].keep_below ? slot
                                                                            : cells_[slot].alias;
    }
    std::size_t size() const { return cells_.size(); }

private:
    struct Cell {
        std::uint32_t keep_below = 0xffff'ffff;
        std::uint32_t alias = 0;
    };
    std::vector<Cell> cells_;
};

/// Decides what each request asks for. Immutable; thread-safe.
class RequestMix {
public:
    explicit RequestMix(const scenario::Plan& plan);

    Choice choose(std::uint64_t n) const { return always_ ? only_ : draw(n); }
    /// Of a request whose kind is settled.
    Choice choose(std::uint64_t n, std::uint16_t kind) const {
        return always_ ? only_ : draw(n, kind);
    }
    /// True when every request is the same.
    bool always_same() const { return always_; }

private:
    struct Kind {
        bool asks_link = false;
        bool asks_unknown = false;
        bool asks_hot = false;  ///< its path is the hot link's, spelled out
        bool is_get = false;
        bool is_head = false;
    };

    Choice draw(std::uint64_t n, std::optional<std::uint16_t> settled = std::nullopt) const;

    std::uint64_t seed_;
    std::vector<Kind> kinds_;
    AliasTable kind_table_;
    AliasTable tail_table_;
    double hot_share_;
    double unknown_share_;
    double head_share_;
    double bot_share_;
    bool always_ = false;
    Choice only_;
};

}  // namespace qck::schedule
