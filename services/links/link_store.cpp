#include "services/links/link_store.hpp"

namespace qck::links {

Result<std::optional<Link>> LinkStore::find_by_id(std::uint64_t id) {
    auto found = find_by_ids({&id, 1});
    if (!found) return found.error();
    if (found->empty()) return std::optional<Link>{};
    return std::optional(std::move(found->front()));
}

Error no_such_link(std::string_view code) {
    return error(Errc::not_found, "there is no link \"" + std::string(code) + "\"");
}

Result<CodesById> codes_by_id(LinkStore& store, std::span<const std::uint64_t> ids) {
    auto found = store.find_by_ids(ids);
    if (!found) return found.error();
    CodesById codes;
    for (Link& link : *found) codes.emplace(link.id, std::move(link.code));
    return codes;
}

std::vector<std::string> codes_in_order(LinkStore& store, std::span<const std::uint64_t> ids) {
    std::vector<std::string> codes(ids.size());
    auto known = codes_by_id(store, ids);
    if (!known) return codes;
    for (std::size_t at = 0; at < ids.size(); ++at) {
        const auto code = known->find(ids[at]);
        if (code != known->end()) codes[at] = code->second;
    }
    return codes;
}

}  // namespace qck::links
