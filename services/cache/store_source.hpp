#pragma once

#include <string>

#include "base/net/reactor.hpp"
#include "services/cache/link_fetcher.hpp"
#include "services/cache/link_source.hpp"

namespace qck::cache {

/// Asks the store itself, by the threads of a fetcher.
class StoreSource final : public LinkSource {
public:
    /// Both outlive it; what the fetcher finds after the reactor stopped is dropped.
    StoreSource(net::Reactor& reactor, LinkFetcher& fetcher)
        : reactor_(reactor), fetcher_(fetcher) {}

    bool find(const std::string& code, Done done) override;

private:
    net::Reactor& reactor_;
    LinkFetcher& fetcher_;
};

}  // namespace qck::cache
