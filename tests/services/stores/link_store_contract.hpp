#pragma once

#include <memory>
#include <string>
#include <utility>

#include "services/links/link_outbox.hpp"
#include "services/links/link_store.hpp"
#include "services/links/link_writer.hpp"
#include "tests/support/catch.hpp"

namespace qck::test {

/// An empty store of links and what it stands on. link_store_contract.cpp is compiled with the
/// tests of each store, which define make_stored_links().
class StoredLinks {
public:
    virtual ~StoredLinks() = default;
    virtual links::LinkStore& store() = 0;
    virtual links::LinkWriter& writer() = 0;
    virtual void observe(links::LinkObserver& observer) = 0;
    virtual links::LinkOutbox& outbox() = 0;
    /// Finishes every change.
    virtual void close() = 0;
};
std::unique_ptr<StoredLinks> make_stored_links();

inline links::Link link_to(std::string target, std::string code = {}) {
    links::Link link;
    link.code = std::move(code);
    link.target = std::move(target);
    link.created_at_ms = link.updated_at_ms = 1000;
    return link;
}

inline links::LinkPatch new_target(std::string target) {
    links::LinkPatch patch;
    patch.target = std::move(target);
    return patch;
}

inline Result<links::Link> create_one(links::LinkStore& store, links::Link link) {
    auto created = store.create({std::move(link)});
    if (!created) return created.error();
    return std::move(created->front());
}

}  // namespace qck::test
