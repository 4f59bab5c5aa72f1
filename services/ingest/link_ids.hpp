#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "services/links/link_store.hpp"

namespace qck::ingest {

/// What a click needs to know of its link.
struct KnownLink {
    std::uint64_t id = 0;  ///< 0: there is no such link
    std::optional<std::int64_t> expires_at_ms;
};

/// Link ids by code, remembered for a second so that a batch of clicks asks the store once a code.
/// Bounded; blocks on the store. Not thread-safe.
class LinkIds {
public:
    explicit LinkIds(links::LinkStore& store) : store_(store) {}

    Result<KnownLink> find(std::string_view code, std::int64_t now_ns);

private:
    static constexpr std::size_t entries_max = 16'384;
    static constexpr std::int64_t good_for_ns = 1'000'000'000;

    struct Entry {
        KnownLink link;
        std::int64_t good_until_ns;
    };
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    links::LinkStore& store_;
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
};

}  // namespace qck::ingest
