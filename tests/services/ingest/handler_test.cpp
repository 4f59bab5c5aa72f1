#include "services/ingest/ingest_handler.hpp"

#include <memory>
#include <string>

#include "services/clicks/journal.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;

namespace {

/// No link at all, or no answer.
class NoLinks final : public links::LinkStore {
public:
    bool down = false;

    Result<std::optional<links::Link>> find(std::string_view /*code*/) override {
        if (down) return error(Errc::unavailable, "the link store does not answer");
        return std::optional<links::Link>{};
    }
    Result<std::vector<links::Link>> find_by_ids(std::span<const std::uint64_t> /*ids*/) override {
        return none();
    }
    Result<std::vector<Result<links::Link>>> create(std::vector<links::Link> /*links*/) override {
        return none();
    }
    Result<links::Link> update(std::string_view /*code*/,
                               const links::LinkPatch& /*patch*/) override {
        return none();
    }
    Result<links::Link> remove(std::string_view /*code*/) override { return none(); }
    Result<std::vector<links::Link>> list(std::string_view /*after*/,
                                          std::size_t /*limit*/) override {
        return none();
    }
    Result<std::uint64_t> count() override { return none(); }

private:
    static Error none() { return error(Errc::internal, "not asked for here"); }
};

/// A handler over a real journal, without a network.
class Intake {
public:
    Intake() {
        clicks::JournalConfig config;
        config.segment_bytes = 64 * 1024;
        data = *clicks::DataDirectory::open(directory.path() / "data", "ingest_test");
        journal = *clicks::Journal::open(*data, config);
        hasher = std::make_unique<ingest::KeyHasher>(data->identity().ip_key);
        handler = std::make_unique<ingest::IngestHandler>(
            ingest::IngestConfig{},
            ingest::IngestHandler::Parts{journal->shard(0), [this] { return lag; }, links, keys,
                                         *hasher});
    }

    http_server::Response post(const std::string& body, bool events = true) {
        http::RequestHead head;
        head.method = http::Method::post;
        head.content_type = "application/x-ndjson";
        now_ns += 1'000'000'000;
        return handler->receive({head, body, net::Address{}, now_ns}, events);
    }
    std::uint64_t journaled() const { return journal->shard(0).appended_records(); }

    const test::TemporaryDirectory directory;
    std::unique_ptr<clicks::DataDirectory> data;
    std::unique_ptr<clicks::Journal> journal;
    NoLinks links;
    ingest::RecentKeys keys{10'000};
    std::unique_ptr<ingest::KeyHasher> hasher;
    std::uint64_t lag = 0;
    std::int64_t now_ns = 0;
    std::unique_ptr<ingest::IngestHandler> handler;
};

std::string events(int count, int first = 0) {
    std::string body;
    for (int i = first; i < first + count; ++i) {
        body += R"({"event_type":"sale","event_id":")" + std::to_string(i) + "\"}\n";
    }
    return body;
}

void check_busy(const http_server::Response& response) {
    CHECK(response.status == 503);
    CHECK(response.headers ==
          std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}});
}

}  // namespace

TEST_CASE("while the counts lag too far, requests are told to come again and change nothing",
          "[ingest]") {
    Intake intake;
    intake.lag = 5'000'001;
    check_busy(intake.post(events(3)));
    CHECK(intake.journaled() == 0);
    intake.lag = 0;
    CHECK(intake.post(events(3)).body == R"({"accepted":3,"duplicate":0,"rejected":[]})"
                                         "\n");
    CHECK(intake.journaled() == 3);
    CHECK(intake.handler->counters().busy.value() == 1);
}

TEST_CASE("what the journal cannot take whole is not taken in part", "[ingest]") {
    Intake intake;
    // More than a segment of 64 KB holds: as good as a full disk.
    check_busy(intake.post(events(5'000)));
    CHECK(intake.journaled() == 0);
    // No key of it was remembered: nothing that comes again is mistaken for a duplicate.
    for (int first = 0; first < 5'000; first += 250) {
        CHECK(intake.post(events(250, first)).body ==
              R"({"accepted":250,"duplicate":0,"rejected":[]})"
              "\n");
    }
    CHECK(intake.journaled() == 5'000);
}

TEST_CASE("events of ever new types are rejected one by one, those of known types are not",
          "[ingest]") {
    Intake intake;
    const std::size_t most = ingest::IngestConfig{}.event_types_max;
    for (std::size_t i = 0; i < most;) {
        std::string body;
        for (int lines = 0; lines < 200; ++lines, ++i) {
            body += R"({"event_type":"t)" + std::to_string(i) + "\"}\n";
        }
        CHECK(intake.post(body).status == 202);
    }
    const auto response = intake.post(R"({"event_type":"new"})"
                                      "\n"
                                      R"({"event_type":"t0"})"
                                      "\n");
    CHECK(response.body ==
          R"({"accepted":1,"duplicate":0,"rejected":[{"line":1,"error":"event_type: expected one )"
          R"(of the first 2000 of this hour, which has had as many"}]})"
          "\n");
    CHECK(intake.journaled() == most + 1);
}

TEST_CASE("clicks wait for a link store that does not answer", "[ingest]") {
    Intake intake;
    intake.links.down = true;
    check_busy(intake.post(R"({"code":"abc","event_id":"1"})", false));
    CHECK(intake.journaled() == 0);
    intake.links.down = false;
    CHECK(intake.post(R"({"code":"abc","event_id":"1"})", false).body ==
          R"({"accepted":1,"duplicate":0,"rejected":[]})"
          "\n");
    CHECK(intake.journaled() == 1);
}

TEST_CASE("a long list of rejected lines is cut, and says so", "[ingest]") {
    Intake intake;
    std::string body = events(1);
    for (int i = 0; i < 1'500; ++i) body += "{}\n";
    const auto response = intake.post(body);
    CHECK(response.status == 202);
    CHECK(response.body.find(R"("line":1001,)") != std::string::npos);
    CHECK(response.body.find(R"("line":1002,)") == std::string::npos);
    CHECK(response.body.find(R"("rejected_not_listed":500)") != std::string::npos);
}
