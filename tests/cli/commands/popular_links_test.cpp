#include "cli/commands/popular_links.hpp"

#include <fstream>
#include <map>

#include "tests/support/catch.hpp"
#include "tests/support/silent_log.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;

namespace {

/// Links in memory; does not answer when it is told so.
struct ToldStore final : links::LinkStore {
    Result<std::optional<links::Link>> find(std::string_view code) override {
        if (down) return error(Errc::unavailable, "the store is down");
        const auto found = links.find(std::string(code));
        return found == links.end() ? std::optional<links::Link>() : std::optional(found->second);
    }
    Result<std::vector<links::Link>> find_by_ids(std::span<const std::uint64_t>) override {
        return unasked();
    }
    Result<std::vector<Result<links::Link>>> create(std::vector<links::Link>) override {
        return unasked();
    }
    Result<links::Link> update(std::string_view, const links::LinkPatch&) override {
        return unasked();
    }
    Result<links::Link> remove(std::string_view) override { return unasked(); }
    Result<std::vector<links::Link>> list(std::string_view, std::size_t) override {
        return unasked();
    }
    Result<std::uint64_t> count() override { return unasked(); }
    static Error unasked() { return error(Errc::internal, "not asked"); }

    bool down = false;
    std::map<std::string, links::Link> links;
};

}  // namespace

TEST_CASE("popular links are known at a start that finds the store down", "[commands][V10]") {
    const test::SilentLog silent;
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "popular.csv";
    const auto known = directory.path() / "popular.json";
    std::ofstream(file) << "one\ntwo,https://two.example/,301\n";
    ToldStore store;
    const auto load = [&] { return commands::load_popular_links(file, known, store, {}); };

    store.down = true;
    // Nobody knows their ids, so their clicks would be counted for nobody.
    const auto unknown = load();
    REQUIRE(unknown.has_value());
    CHECK(unknown->empty());

    store.down = false;
    links::Link one;
    one.id = 11;
    one.code = "one";
    one.target = "https://one.example/";
    one.version = 4;
    one.max_age_s = 60;
    store.links["one"] = one;
    one.id = 12;
    one.code = "two";
    store.links["two"] = one;
    REQUIRE(load().has_value());

    store.down = true;
    const auto again = load();
    REQUIRE(again.has_value());
    REQUIRE(again->size() == 2);
    CHECK((*again)[0].id == 11);
    CHECK((*again)[0].version == 4);
    CHECK((*again)[0].max_age_s == 60U);
    CHECK((*again)[1].target == "https://one.example/");

    // One that no start has seen is passed over; a line that is wrong is told all the same.
    std::ofstream(file) << "three,https://three.example/,307\ntwo\n";
    const auto given = load();
    REQUIRE(given.has_value());
    REQUIRE(given->size() == 1);
    CHECK((*given)[0].id == 12);
    std::ofstream(file) << "three,ftp://three.example/\n";
    CHECK(load().has_error());

    // One that was removed does not keep the others from being pinned.
    std::ofstream(file) << "one\ntwo\n";
    store.down = false;
    store.links.erase("one");
    const auto left = load();
    REQUIRE(left.has_value());
    REQUIRE(left->size() == 1);
    CHECK((*left)[0].code == "two");
}
