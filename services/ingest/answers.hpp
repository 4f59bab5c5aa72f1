#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/http_server/exchange.hpp"

namespace qck::ingest {

/// An item that was not taken, and why.
struct Rejection {
    std::uint32_t line = 0;
    std::string error;
};

/// What became of the items of a request.
struct Outcome {
    std::uint64_t accepted = 0;
    std::uint64_t duplicate = 0;
    std::vector<Rejection> rejected;  ///< in order of lines; the first rejections_listed_max
    std::uint64_t rejected_count = 0;

    static constexpr std::size_t rejections_listed_max = 1000;
    void reject(std::uint32_t line, std::string error) {
        ++rejected_count;
        if (rejected.size() < rejections_listed_max) rejected.push_back({line, std::move(error)});
    }
};

/// 202 with the counts, or 422 (a problem document with the same fields) when every item was wrong.
http_server::Response answer_to(const Outcome& outcome);

/// 503 with Retry-After: nothing of the request was taken.
http_server::Response busy(std::string_view why);

}  // namespace qck::ingest
