#pragma once

#include "services/links/link_outbox.hpp"
#include "services/stores/postgres/pool.hpp"

namespace qck::postgres {

/// The table `link_outbox`, which instances share.
class PostgresLinkOutbox final : public links::LinkOutbox {
public:
    /// `primary` outlives it.
    explicit PostgresLinkOutbox(Pool& primary) : primary_(primary) {}

    Result<std::vector<links::NotedChange>> noted(std::chrono::milliseconds age,
                                                  std::size_t limit) override;
    Result<void> forget(std::span<const links::VersionOfCode> told) override;

private:
    Pool& primary_;
};

/// Notes versions of codes, in the transaction that makes them; arrays of the same length.
Result<void> note_changes(Transaction& transaction, const ArrayText& codes,
                          const ArrayText& versions);

}  // namespace qck::postgres
