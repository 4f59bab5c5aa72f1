#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "services/clicks/event_sink.hpp"

namespace qck::clickhouse {

/// Questions of the sink, of retention and of statistics, for 18.16 and newer alike. Pure.

/// Which sequences of rows [first, end) of the batch are there, ascending; these rows are of one
/// shard and epoch. Times, and the link when there is only one, narrow what is read.
std::string present_question(const clicks::EventBatch& batch, std::size_t first, std::size_t end);
/// Days (20261122) and visitors of a link, ascending, then day 0 with those of all of these days.
std::string visitors_question(std::uint64_t link_id, std::uint32_t first_day,
                              std::uint32_t last_day);
/// Of the server that is asked, as text: `-` where qck_analytics has no replicated table, else how
/// many of them lack something that another replica has registered, or cannot tell.
std::string lagging_question();
/// Where in ZooKeeper or Keeper the replicas of a table meet; nothing when it is not replicated.
std::string replica_path_question(std::string_view table);
/// How many queries of that id run at the server that is asked.
std::string running_question(std::string_view query_id);
/// Months (202611) that a table of qck_analytics has, in any order.
std::string months_question(std::string_view table);
/// `table` is a constant of the program.
std::string drop_month_statement(std::string_view table, std::uint32_t month);

}  // namespace qck::clickhouse
