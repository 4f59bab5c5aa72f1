#include "cli/commands/target_count.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/net/fd.hpp"
#include "base/units.hpp"
#include "loadgen/engine/target.hpp"
#include "loadgen/replay/json_depth.hpp"

extern char** environ;

namespace qck::commands {
namespace {

constexpr std::chrono::milliseconds read_timeout_max{10'000};
constexpr std::size_t output_bytes_max = 1024 * 1024;
constexpr std::chrono::milliseconds poll_gap{100};
/// What a writer is answered, who is nobody that clicks.
constexpr std::uint16_t created = 201;
/// Answers of a target may be nested any deeper, and what reads them recurs.
constexpr std::size_t depth_max = 64;
/// For so long a count has to stand still to be believed.
constexpr std::int64_t calm_ns = 1'000'000'000;

Error wrong(const std::string& why) { return error(Errc::invalid_argument, why); }

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// For a message: the beginning of what was said instead.
std::string shown(std::string_view text) {
    constexpr std::size_t most = 60;
    std::size_t bytes = std::min(text.size(), most);
    // No character is cut in two.
    while (bytes > 0 && bytes < text.size() && (text[bytes] & 0xc0) == 0x80) --bytes;
    std::string out(text.substr(0, bytes));
    std::replace_if(
        out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return "'" + out + (text.size() > most ? "…'" : "'");
}

std::optional<std::uint64_t> whole_number_in(std::string_view text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto taken = std::from_chars(text.data(), end, number);
    if (text.empty() || taken.ec != std::errc() || taken.ptr != end) return std::nullopt;
    return number;
}

Error stopped_by_signal() {
    return error(Errc::unavailable, "stopped by a signal before it was read");
}

/// A child that runs a command with its output in a pipe; killed when it is not waited for.
class Child {
public:
    static Result<Child> start(const std::vector<std::string>& words) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return io_error("cannot make a pipe", errno);
        net::Fd out(ends[0]);
        const net::Fd in(ends[1]);
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&files, in.get(), 1);
        // Signals that this process waits for are blocked in it, and are not to be in the child.
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        sigset_t none;
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
        std::vector<char*> arguments;
        for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        pid_t child = 0;
        const int failed =
            ::posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
        if (failed != 0) return io_error("cannot run " + words.front(), failed);
        return Child(child, std::move(out));
    }
    Child(Child&& other) noexcept
        : child_(std::exchange(other.child_, -1)), out_(std::move(other.out_)) {}
    Child& operator=(Child&&) = delete;
    ~Child() {
        if (child_ <= 0) return;
        // What it started itself is of its group, and goes too.
        ::kill(-child_, SIGKILL);
        wait();
    }

    /// Until it closes its output, or `give_up` is true.
    Result<std::string> output(std::chrono::milliseconds timeout,
                               const std::function<bool()>& give_up) {
        const std::int64_t until = monotonic_ns() + std::chrono::nanoseconds(timeout).count();
        std::string text;
        char piece[4096];
        for (;;) {
            const std::int64_t left_ms = (until - monotonic_ns()) / 1'000'000;
            if (give_up()) return stopped_by_signal();
            if (left_ms <= 0) {
                return error(Errc::timed_out,
                             "printed no count within " + format_duration(timeout));
            }
            pollfd ready{out_.get(), POLLIN, 0};
            // Signals are another thread's, so they do not end the wait by themselves.
            const int count = ::poll(&ready, 1, std::min(static_cast<int>(left_ms), 50));
            if (count == 0 || (count < 0 && errno == EINTR)) continue;
            if (count < 0) return io_error("its output cannot be waited for", errno);
            const ssize_t got = ::read(out_.get(), piece, sizeof piece);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return io_error("its output cannot be read", errno);
            if (got == 0) return text;
            text.append(piece, static_cast<std::size_t>(got));
            if (text.size() > output_bytes_max) return wrong("printed more than 1 MB");
        }
    }
    /// Its status; it has closed its output, and is given a moment to end.
    Result<int> status(std::chrono::milliseconds timeout, const std::function<bool()>& give_up) {
        const std::int64_t until = monotonic_ns() + std::chrono::nanoseconds(timeout).count();
        int status = 0;
        while (::waitpid(child_, &status, WNOHANG) == 0) {
            if (give_up()) return stopped_by_signal();
            if (monotonic_ns() > until) {
                return error(Errc::timed_out, "did not end within " + format_duration(timeout));
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        child_ = -1;
        return status;
    }

private:
    Child(pid_t child, net::Fd out) : child_(child), out_(std::move(out)) {}
    void wait() {
        while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    pid_t child_;
    net::Fd out_;
};

/// Above `most`, it counted too many; below `least`, too few.
std::int64_t difference_of(std::int64_t counted, const ExpectedCount& expected) {
    const auto least = static_cast<std::int64_t>(expected.answered);
    const auto most = static_cast<std::int64_t>(expected.answered + expected.unknown);
    if (counted < least) return counted - least;
    return counted > most ? counted - most : 0;
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view text) {
    std::vector<std::string> words;
    std::optional<std::string> word;
    char quote = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (quote == 0 && (c == ' ' || c == '\t')) {
            if (word) words.push_back(*std::exchange(word, std::nullopt));
            continue;
        }
        if (!word) word.emplace();
        if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
            *word += text[++at];
        } else {
            *word += c;
        }
    }
    if (quote != 0) return wrong(std::string("a quote ") + quote + " is left open");
    if (word) words.push_back(*std::move(word));
    if (words.empty() || words.front().empty()) return wrong("it names no program");
    return words;
}

Result<std::uint64_t> count_in(std::string_view text, const std::string& pointer) {
    if (pointer.empty()) {
        if (const auto number = whole_number_in(trimmed(text))) return *number;
        return wrong("said " + shown(trimmed(text)) +
                     ", which is not a whole number (is --count-pointer missing?)");
    }
    if (json_depth_of(text) > depth_max) {
        return wrong("said JSON that is nested deeper than " + std::to_string(depth_max));
    }
    const auto document = nlohmann::json::parse(text, nullptr, false);
    if (document.is_discarded()) return wrong("said " + shown(text) + ", which is not JSON");
    try {
        const auto& value = document.at(nlohmann::json::json_pointer(pointer));
        if (value.is_number_unsigned()) return value.get<std::uint64_t>();
        if (value.is_string()) {
            if (const auto number = whole_number_in(value.get_ref<const std::string&>())) {
                return *number;
            }
        }
        if (value.is_number_float()) {
            const double number = value.get<double>();
            if (number >= 0 && number < 9e15 && number == std::floor(number)) {
                return static_cast<std::uint64_t>(number);
            }
        }
        return wrong("has " + shown(value.dump()) + " at " + pointer +
                     ", which is not a whole number");
    } catch (const nlohmann::json::exception&) {
        return wrong("has nothing at " + pointer);
    }
}

Result<CountSource> CountSource::make(const BenchOptions& options,
                                      const InterruptWatch& interrupts) {
    CountSource source;
    source.patience_ = std::make_unique<Patience>(Patience{interrupts});
    source.pointer_ = options.count_pointer;
    source.read_timeout_ =
        std::clamp(std::chrono::ceil<std::chrono::milliseconds>(options.count_within),
                   std::chrono::milliseconds(1), read_timeout_max);
    if (!source.pointer_.empty() && !source.pointer_.starts_with('/')) {
        return wrong("--count-pointer: '" + source.pointer_ +
                     "' is no JSON pointer: it has to begin with / (try /" + source.pointer_ + ")");
    }
    if (!options.count_command.empty()) {
        source.flag_ = "--count-cmd";
        auto words = split_command(options.count_command);
        if (!words) return wrong("--count-cmd: " + words.error().message);
        source.command_ = std::move(*words);
        source.name_ = source.command_.front() + (source.command_.size() > 1 ? " …" : "");
        return source;
    }
    source.flag_ = "--count-url";
    auto target = engine::find_target(options.count_url);
    if (!target) return error(target.error().code, "--count-url: " + target.error().message);
    source.name_ = target->origin() + target->path.substr(0, target->path.find('?'));
    if (!target->is_private() && !options.allow_public) {
        return wrong("--count-url: " + target->host +
                     " is outside loopback and private ranges (add --allow-public)");
    }
    client::RestConfig config;
    config.service.secure = target->tls;
    config.service.host = target->host;
    config.service.port = target->port;
    config.service.text = target->origin();
    config.ca_file = options.ca_file;
    config.request_timeout = source.read_timeout_;
    config.answer_bytes_max = output_bytes_max;
    config.give_up = [patience = source.patience_.get()] { return patience->is_over(); };
    source.target_ = target->path;
    source.client_ = std::make_unique<client::RestClient>(std::move(config));
    return source;
}

Result<std::string> CountSource::ask_url() {
    auto answer = client_->send("GET", target_);
    // A kept connection may have been closed meanwhile; asking again changes nothing.
    if (!answer && answer.error().code == Errc::io && !is_to_stop()) {
        answer = client_->send("GET", target_);
    }
    if (!answer && is_to_stop()) return stopped_by_signal();
    if (!answer) return answer.error();
    if (answer->status != 200) {
        return error(Errc::unavailable, "answered " + std::to_string(answer->status));
    }
    return std::move(answer->body);
}

Result<std::string> CountSource::run_command() const {
    auto child = Child::start(command_);
    if (!child) return child.error();
    const auto give_up = [this] { return is_to_stop(); };
    auto text = child->output(read_timeout_, give_up);
    if (!text) return text;
    const auto status = child->status(read_timeout_, give_up);
    if (!status) return status.error();
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
        return error(Errc::unavailable,
                     WIFEXITED(*status)
                         ? "ended with exit code " + std::to_string(WEXITSTATUS(*status))
                         : "was ended by a signal");
    }
    return text;
}

Result<std::uint64_t> CountSource::read() {
    const auto text = client_ != nullptr ? ask_url() : run_command();
    const auto named = [this](const Error& failure) {
        return error(failure.code == Errc::invalid_argument ? Errc::unavailable : failure.code,
                     flag_ + ": " + name_ + ": " + failure.message);
    };
    if (!text) return named(text.error());
    const auto count = count_in(*text, pointer_);
    if (!count) return named(count.error());
    return *count;
}

Result<std::uint64_t> calm_count(CountSource& source, std::chrono::nanoseconds within) {
    const std::int64_t begin = monotonic_ns();
    std::int64_t since_ns = begin;
    std::optional<std::uint64_t> last;
    for (;;) {
        const auto count = source.read();
        if (!count) return count;
        const std::int64_t now = monotonic_ns();
        if (last && *count == *last && now - since_ns >= calm_ns) return count;
        if (!last || *count != *last) since_ns = now;
        last = *count;
        // Time to stand still has to be left.
        if (source.is_to_stop()) {
            return error(Errc::unavailable,
                         source.name() + ": stopped by a signal before the count stood still");
        }
        if (since_ns - begin > within.count()) {
            return error(Errc::unavailable,
                         source.name() + ": the count does not stand still (at " +
                             std::to_string(*count) + "): the target has to be alone with the run");
        }
        std::this_thread::sleep_for(poll_gap);
    }
}

void ExpectedCount::add(const record::RunResult& run) {
    for (const record::PhaseResult& phase : run.phases) {
        for (const auto& [status, count] : phase.status) {
            if (status < 400 && status != created) answered += count;
            if (status >= 500) unknown += count;
        }
        unknown += phase.accounting.sent - phase.accounting.answered;
    }
    unknown += run.gap();
}

Result<report::TargetCount> settle_count(CountSource& source, std::uint64_t before,
                                         const ExpectedCount& expected,
                                         std::chrono::nanoseconds within) {
    source.forgive_signals();
    const std::int64_t begin = monotonic_ns();
    const std::int64_t until = begin + within.count();
    std::optional<std::uint64_t> last;
    std::int64_t since_ns = begin;
    for (;;) {
        const auto count = source.read();
        const std::int64_t now = monotonic_ns();
        const bool over = now >= until || source.is_to_stop();
        if (!count && over) return count.error();
        if (count) {
            if (!last || *count != *last) since_ns = now;
            last = *count;
            const std::int64_t counted =
                static_cast<std::int64_t>(*count) - static_cast<std::int64_t>(before);
            const std::int64_t difference = difference_of(counted, expected);
            if (over || (difference >= 0 && now - since_ns >= calm_ns)) {
                report::TargetCount result;
                result.source = source.name();
                result.before = before;
                result.after = *count;
                result.expected = expected.answered;
                result.unknown = expected.unknown;
                result.difference = difference;
                result.waited_s = static_cast<double>(since_ns - begin) / 1e9;
                return result;
            }
        }
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(
            poll_gap, std::chrono::nanoseconds(std::max<std::int64_t>(until - now, 1'000'000))));
    }
}

}  // namespace qck::commands
