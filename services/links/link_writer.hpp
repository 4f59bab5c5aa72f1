#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/links/link_store.hpp"

namespace qck::links {

/// Whether a batch goes on after an item whose code is taken.
enum class OnConflict : std::uint8_t { go_on, stop };

/// Changes links without making the caller wait: for reactors. Thread-safe.
///
/// Each callback runs exactly once: on the writer's thread after the commit, or at once on the
/// caller's thread with Errc::unavailable when too many changes wait already. It must be quick and
/// must not throw.
class LinkWriter {
public:
    using Created = std::function<void(Result<std::vector<Result<Link>>>)>;
    using Changed = std::function<void(Result<Link>)>;

    virtual ~LinkWriter() = default;

    /// As LinkStore::create. With OnConflict::stop the outcomes end with the first conflict, and
    /// nothing from there on is stored.
    virtual void create_later(std::vector<Link> links, OnConflict on_conflict, Created done) = 0;
    /// As LinkStore::update and remove.
    virtual void update_later(std::string code, LinkPatch patch, Changed done) = 0;
    virtual void remove_later(std::string code, Changed done) = 0;
};

}  // namespace qck::links
