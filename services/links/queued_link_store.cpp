#include "services/links/queued_link_store.hpp"

#include <future>
#include <utility>

namespace qck::links {
namespace {

/// Waits for what `start` promised to its callback.
template <class T, class Start>
T wait_for(Start start) {
    std::promise<T> promise;
    auto future = promise.get_future();
    start([&promise](T result) { promise.set_value(std::move(result)); });
    return future.get();
}

}  // namespace

Result<std::vector<Result<Link>>> QueuedLinkStore::create(std::vector<Link> links) {
    return wait_for<Result<std::vector<Result<Link>>>>(
        [&](Created done) { create_later(std::move(links), OnConflict::go_on, std::move(done)); });
}

Result<Link> QueuedLinkStore::update(std::string_view code, const LinkPatch& patch) {
    return wait_for<Result<Link>>(
        [&](Changed done) { update_later(std::string(code), patch, std::move(done)); });
}

Result<Link> QueuedLinkStore::remove(std::string_view code) {
    return wait_for<Result<Link>>(
        [&](Changed done) { remove_later(std::string(code), std::move(done)); });
}

}  // namespace qck::links
