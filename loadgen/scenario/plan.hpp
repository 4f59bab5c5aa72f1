#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/http/head.hpp"

namespace qck::scenario {

/// How the rate moves within a phase.
enum class Shape : std::uint8_t {
    constant,  ///< rate_from throughout
    ramp,      ///< linear from rate_from to rate_to
    decay,     ///< exponential from rate_from to rate_to
};

struct Phase {
    std::string name;
    Shape shape = Shape::constant;
    double rate_from_per_s = 0;
    /// Equal to rate_from_per_s for constant. Both are above 0, but for a ramp one may be 0.
    double rate_to_per_s = 0;
    std::chrono::nanoseconds duration{};
};

/// One kind of request. `path` and `body` may hold placeholders: `{link}` (a code drawn from
/// Links), `{unknown}` (a code that is nobody's), `{n}` (the request's index). Other braces can
/// only stand in the body, and are sent as they are.
struct RequestKind {
    std::string name;
    double weight = 1;
    http::Method method = http::Method::get;
    std::string path = "/{link}";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    /// Goes to EngineConfig::api instead of the target.
    bool to_api = false;
    /// Statuses of the answers that are asked for; any other is an error of the target's. Empty:
    /// those below 400, and of a code that is nobody's also 404 and 410 (ADR 0155, ADR 0185).
    std::vector<std::uint16_t> expect;
};

/// Users that each have a connection of their own, and ask on it at a rate of their own.
///
/// They come one by one at `spawn_per_s`, the groups mixed evenly, and stay to the end of the plan.
/// A user asks again when its next request is due, which is computed from its first one and never
/// from how fast it was answered; one that is still unanswered then makes the next one wait.
struct Users {
    struct Group {
        std::string name;
        std::uint32_t count = 0;
        double rate_per_s = 0;      ///< of each user
        std::uint16_t request = 0;  ///< index into Plan::requests: what these users ask for
    };
    std::vector<Group> groups;
    double spawn_per_s = 0;

    std::uint32_t count() const;
    /// All users together, once all are there.
    double rate_per_s() const;
};

/// The links that are asked for: one hot link over a Zipf tail. Tail codes are
/// `<tail_prefix><rank>`, rank from 1.
struct Links {
    std::string hot = "viral";
    std::string target_url = "https://example.com/";  ///< where links that the run adds lead
    double hot_share = 1;
    std::uint32_t tail_count = 0;
    double zipf_exponent = 1;
    std::string tail_prefix = "tail";
};

/// What whoever gave the plan sets to offer less: for the advice of a report.
struct Lever {
    std::string name = "--rate";
    double at_peak = 0;  ///< how it stands; 0: it is the rate of the peak itself
};

enum class Arrival : std::uint8_t { uniform, poisson };

/// What to offer: validated and immutable once made.
struct Plan {
    std::string name;
    std::string description;
    std::vector<Phase> phases;
    std::vector<RequestKind> requests;
    /// Where it is set, users make the requests, and weights and rates do not count: of the phases
    /// the first is as long as they take to come.
    std::optional<Users> users;
    Links links;
    /// Of the requests with `{link}`: these ask for a code that is nobody's. hot_share is then a
    /// share of the rest.
    double unknown_share = 0;
    double head_share = 0;   ///< of the GETs: these are HEAD
    double bot_share = 0;    ///< of all: these carry bot_user_agent
    std::string user_agent;  ///< empty: qck/VERSION (load test)
    std::string bot_user_agent =
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    double new_connections_per_s = 0;  ///< connections closed and opened anew, over all workers
    std::uint32_t connections = 64;
    std::uint32_t pipeline = 1;
    std::chrono::nanoseconds timeout{std::chrono::seconds(10)};  ///< from the due time
    Arrival arrival = Arrival::uniform;
    std::uint64_t seed = 1;
    Lever lever;  ///< of users it is always `--users`
};

}  // namespace qck::scenario
