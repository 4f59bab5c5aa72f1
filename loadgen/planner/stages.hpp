#pragma once

#include <span>
#include <string_view>

namespace qck::planner {

/// One line of a document's table of what a stage needs.
struct StageItem {
    std::string_view component;
    std::string_view machine;  ///< its specification; empty where the table has none
    std::string_view count;    ///< as the document has it: `10-20`
    double dollars_a_month = 0;
};

/// What a service of so many requests a day needs, by the documents' own tables.
struct Stage {
    std::string_view name;
    double per_day = 0;  ///< it serves up to this many a day
    std::span<const StageItem> items;
    double dollars_a_month = 0;  ///< as the document says; its items add up to it, or it is a range
    std::string_view note;
    std::string_view source;
};

/// Redirects, from 10K to 100M a day: the five milestones of the Scaling Guide.
std::span<const Stage> redirect_stages();
/// Events, from 100M to 10B a day: the three scales of Scalability Considerations.
std::span<const Stage> event_stages();

/// The first stage that serves so many a day; null when the largest does not.
const Stage* stage_for(std::span<const Stage> stages, double per_day);

/// What the items add up to.
double sum_of(const Stage& stage);

}  // namespace qck::planner
