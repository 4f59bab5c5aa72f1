#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace qck {

/// Edits (insert, drop, replace, swap of neighbours) that make `a` into `b`: the optimal string
/// alignment distance.
std::size_t edits_between(std::string_view a, std::string_view b);

/// The candidate (of a range of strings) that is a slip away from `word`, which was typed: a third
/// of its letters at most, the first of the nearest. Empty when none is, or `word` is longer than
/// 64.
template <class Range>
std::string nearest_word(std::string_view word, const Range& candidates) {
    if (word.size() > 64) return {};
    std::string_view best;
    std::size_t fewest = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        const std::size_t edits = edits_between(word, candidate);
        if (edits >= fewest) continue;
        fewest = edits;
        best = candidate;
    }
    return std::string(best);
}

}  // namespace qck
