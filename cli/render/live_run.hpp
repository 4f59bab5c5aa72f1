#pragma once

#include <cstdio>
#include <string>

#include "cli/render/terminal.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::render {

/// The block that shows a run while it goes, without escape sequences: phase, elapsed and left,
/// target against achieved, percentiles of the last second, errors, in flight. Always the same
/// number of lines.
std::string live_block(const scenario::Plan& plan, const record::Progress& progress,
                       const Terminal& terminal);

/// Redraws that block in place on a terminal; on anything else does nothing.
///
/// The block is taken away when the object goes, so that what is printed next stands where it
/// stood. The stream outlives it. Not thread-safe.
class LiveRun {
public:
    LiveRun(const scenario::Plan& plan, std::FILE* stream, Terminal terminal);
    ~LiveRun();
    LiveRun(const LiveRun&) = delete;
    LiveRun& operator=(const LiveRun&) = delete;

    void show(const record::Progress& progress);
    /// Removes the block; show() draws it anew.
    void clear();

private:
    const scenario::Plan* plan_;
    std::FILE* stream_;
    Terminal terminal_;
    int lines_shown_ = 0;
};

}  // namespace qck::render
