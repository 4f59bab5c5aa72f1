#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "services/stores/sqlite/sqlite_link_outbox.hpp"
#include "services/stores/sqlite/sqlite_link_store.hpp"
#include "tests/services/stores/link_store_contract.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using namespace qck::sqlite;
using links::Link;
using test::link_to;

namespace {

/// A store with its writer, in a directory of its own or a given one.
class StoredInFile : public test::StoredLinks {
public:
    StoredInFile() : directory_(std::make_unique<test::TemporaryDirectory>()) {
        open(directory_->path());
    }
    explicit StoredInFile(const std::filesystem::path& directory) { open(directory); }
    ~StoredInFile() override { close(); }

    SqliteLinkStore& store() override { return *store_; }
    SqliteLinkStore& writer() override { return *store_; }
    void observe(links::LinkObserver& observer) override { store_->observe(observer); }
    links::LinkOutbox& outbox() override { return *outbox_; }
    void close() override { queue_->close(); }
    Result<Link> create(Link link) { return test::create_one(*store_, std::move(link)); }

private:
    void open(const std::filesystem::path& directory) {
        const auto file = directory / "links.db";
        auto opened = WriteQueue::open(file, {});
        REQUIRE(opened.has_value());
        queue_ = std::move(*opened);
        SqliteLinkStore::Options options;
        options.notes_changes = true;
        auto made = SqliteLinkStore::open(*queue_, file, options);
        REQUIRE(made.has_value());
        store_ = std::move(*made);
        auto outbox = SqliteLinkOutbox::open(*queue_, file);
        REQUIRE(outbox.has_value());
        outbox_ = std::move(*outbox);
    }

    std::unique_ptr<test::TemporaryDirectory> directory_;
    std::unique_ptr<WriteQueue> queue_;
    std::unique_ptr<SqliteLinkStore> store_;
    std::unique_ptr<SqliteLinkOutbox> outbox_;
};

}  // namespace

std::unique_ptr<test::StoredLinks> test::make_stored_links() {
    return std::make_unique<StoredInFile>();
}

TEST_CASE("ids go on growing after a restart, tombstones are remembered", "[sqlite][links]") {
    const test::TemporaryDirectory directory;
    std::uint64_t last_id = 0;
    {
        StoredInFile stored(directory.path());
        stored.create(link_to("https://a.example/", "x"));
        last_id = stored.create(link_to("https://a.example/", "y"))->id;
        stored.store().remove("x");
        stored.store().remove("y");
    }
    StoredInFile again(directory.path());
    const auto created = again.create(link_to("https://a.example/", "x"));
    REQUIRE(created.has_value());
    CHECK(created->id > last_id);
    CHECK(created->version == 3);
}

namespace {

/// A store whose writer is busy until go_on(), so that what is submitted meanwhile waits.
class HeldQueue {
public:
    explicit HeldQueue(std::size_t rows_max) {
        const auto file = directory_.path() / "links.db";
        auto queue = WriteQueue::open(
            file, {.db = {}, .rows_max = rows_max, .group_max = 8, .checkpoints = {}});
        REQUIRE(queue.has_value());
        queue_ = std::move(*queue);
        auto store = SqliteLinkStore::open(*queue_, file, {});
        REQUIRE(store.has_value());
        store_ = std::move(*store);
        blocker_ = std::thread([this] {
            queue_->run_blocking([this](Db&) -> Result<void> {
                begun_.set_value();
                go_on_.get_future().wait();
                return {};
            });
        });
        begun_.get_future().wait();
    }
    SqliteLinkStore& store() { return *store_; }
    /// Lets the writer go on to the end of the queue, which takes no more.
    void go_on() {
        go_on_.set_value();
        blocker_.join();
        queue_->close();
    }

private:
    test::TemporaryDirectory directory_;
    std::unique_ptr<WriteQueue> queue_;
    std::unique_ptr<SqliteLinkStore> store_;
    std::promise<void> begun_;
    std::promise<void> go_on_;
    std::thread blocker_;
};

}  // namespace

TEST_CASE("a full queue refuses a change at once", "[sqlite][links]") {
    HeldQueue held(1);
    SqliteLinkStore& store = held.store();
    std::atomic<int> refused{0};
    std::atomic<int> stored{0};
    for (int i = 0; i < 3; ++i) {
        store.remove_later("x", [&](const Result<Link>& outcome) {
            ++(outcome.error().code == Errc::unavailable ? refused : stored);
        });
    }
    CHECK(refused == 2);
    held.go_on();
    CHECK(stored == 1);
    store.remove_later("x", [&](const Result<Link>&) { ++refused; });
    CHECK(refused == 3);
}

TEST_CASE("what waits is bounded by links, not by batches of them", "[sqlite][links]") {
    HeldQueue held(10);
    SqliteLinkStore& store = held.store();
    std::atomic<int> refused{0};
    std::atomic<int> stored{0};
    for (int batch = 0; batch < 4; ++batch) {
        std::vector<Link> links(6, link_to("https://a.example/"));
        store.create_later(std::move(links), links::OnConflict::go_on,
                           [&](auto outcome) { ++(outcome ? stored : refused); });
    }
    CHECK(refused == 2);
    held.go_on();
    CHECK(stored == 2);
}

TEST_CASE("every create that was acknowledged is there after kill -9", "[sqlite][links][kill]") {
    const auto seed = static_cast<unsigned>(::getpid());
    std::srand(seed);
    INFO("seed " << seed);
    const test::TemporaryDirectory directory;
    std::set<std::string> acknowledged;
    for (int round = 0; round < 8; ++round) {
        int pipe_ends[2];
        REQUIRE(::pipe(pipe_ends) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            // Only acknowledged codes are written to the pipe; it goes on until it is killed.
            auto queue = WriteQueue::open(directory.path() / "links.db", {});
            auto store = SqliteLinkStore::open(**queue, directory.path() / "links.db", {});
            std::vector<std::thread> threads;
            for (int t = 0; t < 4; ++t) {
                threads.emplace_back([&] {
                    while (true) {
                        const auto created = (*store)->create({link_to("https://a.example/")});
                        if (!created || !created->front()) ::_exit(3);
                        const auto line = created->front()->code + "\n";
                        if (::write(pipe_ends[1], line.data(), line.size()) < 0) ::_exit(4);
                    }
                });
            }
            for (auto& thread : threads) thread.join();
        }
        REQUIRE(child > 0);
        ::close(pipe_ends[1]);
        std::FILE* lines = ::fdopen(pipe_ends[0], "r");
        const int kill_after = 1 + std::rand() % 400;
        char line[32];
        for (int n = 0; std::fgets(line, sizeof line, lines) != nullptr; ++n) {
            if (n == kill_after) ::kill(child, SIGKILL);
            std::string code(line);
            if (code.ends_with('\n')) acknowledged.insert(code.substr(0, code.size() - 1));
        }
        std::fclose(lines);
        int status = 0;
        ::waitpid(child, &status, 0);
        REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));

        StoredInFile stored(directory.path());
        for (const auto& code : acknowledged) {
            CAPTURE(round, code);
            REQUIRE(stored.store().find(code)->has_value());
        }
    }
}
