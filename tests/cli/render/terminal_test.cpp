#include "cli/render/terminal.hpp"

#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/render/live_run.hpp"
#include "tests/cli/render/terminals.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using test::ascii_terminal;
using test::unicode_terminal;

namespace {

record::Progress made_progress() {
    record::Progress progress;
    progress.elapsed = 3400ms;
    progress.planned = 40s;
    progress.phase = 1;
    progress.phase_left = 600ms;
    progress.target_rate_per_s = 15625;
    progress.sent_rate_per_s = 15630.2;
    progress.answered_rate_per_s = 15600.4;
    progress.so_far.sent = 200'000;
    progress.so_far.answered = 199'985;
    progress.so_far.failed = 3;
    for (int i = 0; i < 1000; ++i) progress.recent.record(100'000);
    return progress;
}

/// All that was written to the stream.
std::string written(std::FILE* stream) {
    std::string text(static_cast<std::size_t>(std::ftell(stream)), '\0');
    std::rewind(stream);
    text.resize(std::fread(text.data(), 1, text.size(), stream));
    return text;
}

}  // namespace

TEST_CASE("a pipe is no terminal, whatever the environment says", "[cli][render]") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto terminal = render::terminal_of(ends[1], {nullptr, "xterm-256color", "de_DE.UTF-8"});
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK_FALSE(terminal.redraws);
    CHECK_FALSE(terminal.colour);
    CHECK(terminal.unicode);
    CHECK(terminal.width == 80);
}

TEST_CASE("only a locale of UTF-8 gets UTF-8", "[cli][render]") {
    for (const char* locale : {"C.UTF-8", "en_US.utf8", "de_DE.UTF-8@euro"}) {
        CHECK(render::terminal_of(-1, {nullptr, nullptr, locale}).unicode);
    }
    CHECK_FALSE(render::terminal_of(-1, {nullptr, nullptr, "C"}).unicode);
    CHECK_FALSE(render::terminal_of(-1, {nullptr, nullptr, "de_DE.ISO-8859-1"}).unicode);
    CHECK_FALSE(render::terminal_of(-1, {}).unicode);
}

TEST_CASE("bars have eighths, and never hide that there is something", "[cli][render]") {
    CHECK(render::bar(unicode_terminal, 1, 4) == "████");
    CHECK(render::bar(unicode_terminal, 0.5, 3) == "█▌ ");
    CHECK(render::bar(unicode_terminal, 0.00001, 3) == "▏  ");
    CHECK(render::bar(unicode_terminal, 0, 3) == "   ");
    CHECK(render::bar(unicode_terminal, 7, 2) == "██");
    CHECK(render::bar(ascii_terminal, 0.5, 4) == "##  ");
    CHECK(render::bar(ascii_terminal, 0.00001, 4) == "#   ");
}

TEST_CASE("text is made ASCII and broken between words", "[cli][render]") {
    CHECK(render::plain_if_needed(ascii_terminal, "41 µs · a → b × é") == "41 us | a -> b x ?");
    CHECK(render::plain_if_needed(unicode_terminal, "41 µs") == "41 µs");
    CHECK(render::wrapped("one two three", 7, 2) == "one two\n  three");
    CHECK(render::wrapped("incomprehensible word", 5, 0) == "incomprehensible\nword");
    CHECK(render::padded_left("µs", 4) == "  µs");
    CHECK(render::padded_right("µs", 4) == "µs  ");
}

TEST_CASE("the live block shows phase, rates, percentiles and errors", "[cli][render]") {
    const scenario::Plan plan = test::small_burst();
    CHECK(render::live_block(plan, made_progress(), unicode_terminal) ==
          "stragglers (2 of 4)  1s left       █▍                3s elapsed, 37s left\n"
          "rate        target 15.62k/s · sent 15.63k/s · answered 15.6k/s\n"
          "last second p50 0.1 ms · p99 0.1 ms · p99.9 0.1 ms · max 0.1 ms\n"
          "requests    answered 199,985 · in flight 12 · errors 3\n");
    record::Progress connecting;
    connecting.elapsed = -1s;
    connecting.connections_open = 3;
    connecting.connections_wanted = 64;
    connecting.connect_failures = 61;
    connecting.connect_cause = record::Cause::refused;
    CHECK(render::live_block(plan, connecting, ascii_terminal) ==
          "connecting  3 of 64 connections\n"
          "rate        sent 0/s | answered 0/s\n"
          "last second nothing answered\n"
          "requests    answered 0 | in flight 0 | errors 0 | connects failed 61 (refused)\n");
    record::Progress draining = made_progress();
    draining.draining = true;
    CHECK(render::live_block(plan, draining, ascii_terminal).rfind("draining ", 0) == 0);
}

TEST_CASE("a live block that is narrow leaves out whole figures, never digits", "[cli][render]") {
    scenario::Plan plan = test::small_burst();
    render::Terminal terminal = unicode_terminal;
    terminal.width = 40;
    CHECK(render::live_block(plan, made_progress(), terminal) ==
          "stragglers (2 of 4)  1s left\n"
          "rate        target 15.62k/s\n"
          "last second p50 0.1 ms · p99 0.1 ms\n"
          "requests    answered 199,985\n");
    terminal.width = 60;
    CHECK(test::contains(render::live_block(plan, made_progress(), terminal),
                         "stragglers (2 of 4)  1s left · 3s elapsed, 37s left\n"));
    plan.phases[1].name = "a phase of a very long name (99 of 99)";
    CHECK(test::contains(render::live_block(plan, made_progress(), terminal),
                         "a phase of a (2 of 4)  1s left · 3s elapsed, 37s left\n"));
}

TEST_CASE("the live block redraws in place, and goes when it is done", "[cli][render]") {
    const scenario::Plan plan = test::small_burst();
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::tmpfile(), &std::fclose);
    render::Terminal terminal = unicode_terminal;
    terminal.redraws = true;
    {
        render::LiveRun live(plan, stream.get(), terminal);
        live.show(made_progress());
        live.show(made_progress());
    }
    const std::string text = written(stream.get());
    CHECK(text.rfind("stragglers", 0) == 0);
    CHECK(text.find("\x1b[4Astragglers") != std::string::npos);
    CHECK(text.substr(text.size() - 7) == "\x1b[4A\x1b[J");
}

TEST_CASE("nothing is redrawn where nothing can be", "[cli][render]") {
    const scenario::Plan plan = test::small_burst();
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::tmpfile(), &std::fclose);
    {
        render::LiveRun live(plan, stream.get(), unicode_terminal);
        live.show(made_progress());
    }
    CHECK(written(stream.get()).empty());
}
