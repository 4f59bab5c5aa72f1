#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "services/links/link.hpp"

namespace qck::links {

/// What an edit changes; an empty inner optional clears the field.
struct LinkPatch {
    std::optional<std::string> target;
    std::optional<std::uint16_t> status;
    std::optional<std::optional<std::uint32_t>> max_age_s;
    std::optional<std::optional<std::int64_t>> expires_at_ms;
    /// The edit is refused with Errc::conflict unless the link still has this version.
    std::optional<std::uint64_t> if_version;
};

/// Where links are kept. Blocking; thread-safe. Links given in are validated already.
class LinkStore {
public:
    virtual ~LinkStore() = default;

    /// Empty when there is no such link. Errc::unavailable when the store does not answer.
    virtual Result<std::optional<Link>> find(std::string_view code) = 0;
    Result<std::optional<Link>> find_by_id(std::uint64_t id);
    /// Those that there are, in any order; one round trip where the store is another process.
    virtual Result<std::vector<Link>> find_by_ids(std::span<const std::uint64_t> ids) = 0;
    /// All in one transaction, each with its own outcome: Errc::conflict where a code is taken.
    /// When the call itself fails nothing was stored. Durable against kill -9 when it returns.
    virtual Result<std::vector<Result<Link>>> create(std::vector<Link> links) = 0;
    /// The changed link, its version raised. Errc::not_found when there is none.
    virtual Result<Link> update(std::string_view code, const LinkPatch& patch) = 0;
    /// The removed link, its version raised. Errc::not_found when there is none.
    virtual Result<Link> remove(std::string_view code) = 0;
    /// At most `limit` links with codes above `after`, ascending by code.
    virtual Result<std::vector<Link>> list(std::string_view after, std::size_t limit) = 0;
    virtual Result<std::uint64_t> count() = 0;
};

/// Errc::not_found.
Error no_such_link(std::string_view code);

using CodesById = std::unordered_map<std::uint64_t, std::string>;

/// The codes of those of the links that there are.
Result<CodesById> codes_by_id(LinkStore& store, std::span<const std::uint64_t> ids);
/// A code for each id; empty where there is none, and everywhere when the store does not answer.
std::vector<std::string> codes_in_order(LinkStore& store, std::span<const std::uint64_t> ids);

/// Told of every committed change, on the thread that committed it. Thread-safe.
class LinkObserver {
public:
    virtual ~LinkObserver() = default;
    virtual void link_created(const Link& link) = 0;
    virtual void link_changed(const Link& link) = 0;
    /// `version` is that of the tombstone.
    virtual void link_removed(std::string_view code, std::uint64_t version) = 0;
};

}  // namespace qck::links
