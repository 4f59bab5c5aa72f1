#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/http_server/exchange.hpp"
#include "services/links/link.hpp"
#include "services/links/link_rules.hpp"

namespace qck::api {

struct BatchOptions {
    /// false (`on_error=continue`): each item stands alone. true (`on_error=stop`): the first item
    /// that is refused ends the batch: those before it are stored, it and all after it are not.
    bool stop_at_error = false;
    /// `results=errors`: only refused items are listed in the answer.
    bool errors_only = false;
    /// `expired=allow`: links that have expired already are taken, as a restored export may hold
    /// some.
    bool expired_allowed = false;
    std::size_t items_max = 10'000;
};

/// One `POST /v1/links:batch`: an array of objects, or NDJSON (an object a line; empty lines are
/// skipped). What is wrong with one item is that item's error alone.
class Batch {
public:
    /// Reads and judges the items. The call fails when an array is not JSON: then nothing is
    /// stored.
    static Result<Batch> read(std::string_view body, const BatchOptions& options,
                              const links::LinkRules& rules, std::int64_t now_ms);

    bool has_too_many() const { return too_many_; }

    /// What is to be stored, in order. Call once.
    std::vector<links::Link> take_links();

    /// 201 when every item was stored, else 207, with {"created": n, "failed": n, "results":
    /// [{"line", "status", "code", "id"} or {"line", "status", "type", "error"}]}; `line` is that
    /// of NDJSON or the place in the array, from 1. `stored` are the outcomes of take_links(); with
    /// stop_at_error they may end early.
    http_server::Response answer(const std::vector<Result<links::Link>>& stored) const;

private:
    struct Item {
        std::size_t line;
        Result<links::Link> link;  ///< moved from by take_links()
    };

    explicit Batch(const BatchOptions& options) : options_(options) {}
    Result<void> read_array(std::string_view body, const links::LinkRules& rules,
                            std::int64_t now_ms);
    void read_lines(std::string_view body, const links::LinkRules& rules, std::int64_t now_ms);
    void add(std::size_t line, Result<links::Link> link);
    bool is_over() const { return over_ || too_many_; }

    BatchOptions options_;
    std::vector<Item> items_;
    bool too_many_ = false;
    bool over_ = false;  ///< an item was refused and stop_at_error is set
};

}  // namespace qck::api
