#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/render/terminal.hpp"

namespace qck::render {

/// How wide text is drawn: the terminal, but not so wide that lines are hard to read.
std::size_t text_width(const Terminal& terminal);

/// Lines under one label: the label stands before the first, the others are indented below. What is
/// wider than the terminal is broken between words, never within a figure. `terminal` and `label`
/// outlive it.
class Block {
public:
    Block(const Terminal& terminal, std::string_view label) : terminal_(terminal), label_(label) {}

    /// Broken between words.
    void paragraph(std::string_view text, Tone tone = Tone::plain);
    /// Broken between parts, as many as fit on a line with `between` them; and within those only
    /// that are wider than a line.
    void parts(const std::vector<std::string>& all, std::string_view between,
               Tone tone = Tone::plain);
    const std::string& text() const { return out_; }

private:
    void line(std::string_view shown, Tone tone);

    const Terminal& terminal_;
    std::string_view label_;
    bool first_ = true;
    std::string out_;
};

}  // namespace qck::render
