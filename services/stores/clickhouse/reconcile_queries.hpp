#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "services/reconcile/minutes_view.hpp"

namespace qck::clickhouse {

/// Questions of reconciliation, for 18.16 and newer alike. Pure. Answers have columns of UInt64.

/// minute, clicks, hash: ascending by minute.
std::string minutes_question(std::uint64_t node, const reconcile::MinuteScope& scope);
/// link, minute, clicks, hash: of these minutes, ascending.
std::string link_minutes_question(std::uint64_t node, const reconcile::MinuteScope& scope,
                                  std::span<const std::uint32_t> minutes);
/// link, class, hour, clicks: of these links, from before the scope's stretches.
std::string older_question(std::uint64_t node, const reconcile::MinuteScope& scope,
                           std::span<const std::uint64_t> links);
/// Deletes the rows in scope of these links and minutes, at one server.
std::string take_away_statement(std::uint64_t node, const reconcile::MinuteScope& scope,
                                std::span<const reconcile::MinuteDigest> of);
/// How many deletions of rows are under way at the server that is asked.
std::string deleting_question();
/// Adds to the hourly states of one server what makes their sums those of its rows, for hours from
/// `from_s` to `to_s` (since 1970, both included): sums wrap, so a difference below 0 is added as
/// what it is modulo 2^64. Of hours without any row nothing is changed.
std::string correct_hours_statement(std::int64_t from_s, std::int64_t to_s);

}  // namespace qck::clickhouse
