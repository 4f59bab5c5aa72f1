#include "services/stores/redis/redis_shared_totals.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "services/stores/redis/link_keys.hpp"

namespace qck::redis {

Result<clicks::ClassTotals> RedisSharedTotals::link_totals(std::uint64_t link_id) {
    const auto fields =
        client_.call(Command("HGETALL").key(clicks_by_key(link_id)).repeatable().from_replica());
    if (!fields) return fields.error();
    clicks::ClassTotals totals;
    for (std::size_t at = 0; at + 1 < fields->size(); at += 2) {
        const std::string_view field = (*fields)[at].text();
        const auto name =
            std::find(clicks::click_class_names.begin(), clicks::click_class_names.end(),
                      field.substr(field.rfind('.') + 1));
        if (name == clicks::click_class_names.end()) continue;
        const std::string_view text = (*fields)[at + 1].text();
        std::uint64_t total = 0;
        std::from_chars(text.data(), text.data() + text.size(), total);
        totals.by_class[static_cast<std::size_t>(name - clicks::click_class_names.begin())] +=
            total;
    }
    return totals;
}

}  // namespace qck::redis
