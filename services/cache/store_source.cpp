#include "services/cache/store_source.hpp"

#include <utility>

namespace qck::cache {

bool StoreSource::find(const std::string& code, Done done) {
    return fetcher_.fetch(
        code, [&reactor = reactor_, done = std::move(done)](const LinkFetcher::Found& found) {
            reactor.post([done, found] {
                if (!found) return done(found.error());
                done(Known{*found, 0});
            });
        });
}

}  // namespace qck::cache
