#include "cli/commands/link_news.hpp"

#include <algorithm>
#include <thread>

#include "tests/support/catch.hpp"

using namespace qck;
using commands::LinkNews;
using commands::LinkNewsItem;

namespace {

std::shared_ptr<const LinkNewsItem> removed(std::string code, std::uint64_t version) {
    return std::make_shared<const LinkNewsItem>(
        LinkNewsItem{std::move(code), {std::nullopt, version}});
}

}  // namespace

TEST_CASE("news of links come in their order, and before work posted behind them",
          "[cli][service]") {
    const auto reactor = net::Reactor::create().value();
    std::string heard;
    LinkNews news(*reactor, [&heard](const LinkNewsItem& item) {
        heard += item.code + std::to_string(item.known.absent_version) + " ";
    });
    news.put(removed("a", 1));
    news.put(removed("b", 2));
    reactor->post([&heard] { heard += "posted "; });
    news.put(removed("a", 3));  // with those that wait already
    reactor->post([&reactor] { reactor->stop(); });
    reactor->run();
    CHECK(heard == "a1 b2 a3 posted ");
}

TEST_CASE("news that come while others are told are told too", "[cli][service]") {
    const auto reactor = net::Reactor::create().value();
    std::vector<std::uint64_t> heard;
    constexpr std::uint64_t last = 20'000;
    LinkNews news(*reactor, [&](const LinkNewsItem& item) {
        heard.push_back(item.known.absent_version);
        if (heard.back() == last) reactor->stop();
    });
    // Ends by itself when an item was lost.
    reactor->after(std::chrono::seconds(20), [&reactor] { reactor->stop(); });
    std::thread writer([&news] {
        for (std::uint64_t version = 1; version <= last; ++version) {
            news.put(removed("code", version));
        }
    });
    reactor->run();
    writer.join();
    REQUIRE(heard.size() == last);
    CHECK(std::is_sorted(heard.begin(), heard.end()));
}
