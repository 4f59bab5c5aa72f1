#pragma once

#include "services/links/link_store.hpp"
#include "services/links/link_writer.hpp"

namespace qck::links {

/// A store whose changes go through a queue, for both kinds of callers: LinkStore's create, update
/// and remove wait for what LinkWriter's promise to their callbacks. Thread-safe.
class QueuedLinkStore : public LinkStore, public LinkWriter {
public:
    Result<std::vector<Result<Link>>> create(std::vector<Link> links) final;
    Result<Link> update(std::string_view code, const LinkPatch& patch) final;
    Result<Link> remove(std::string_view code) final;
};

}  // namespace qck::links
