// Clients of the redirect port must not take the descriptors of the rest.
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "tests/faults/serve_process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using qck::test::RawClient;
using qck::test::ServeProcess;

namespace {

bool answers(const std::string& address, const std::string& path) {
    RawClient client(*net::parse_address(address));
    client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.response().starts_with("HTTP/1.1 200 OK");
}

}  // namespace

TEST_CASE("idle connections to the redirects leave the other listeners and the journal theirs",
          "[faults]") {
    const qck::test::TemporaryDirectory directory;
    const auto log = directory.path() / "log";
    ServeProcess serve(directory.path() / "data", log, {"--threads", "1"}, 128);
    serve.wait_until_ready();
    std::vector<std::unique_ptr<RawClient>> idle;
    for (int client = 0; client < 200; ++client) {
        idle.push_back(std::make_unique<RawClient>(*net::parse_address(serve.address("redirect"))));
    }
    CHECK(answers(serve.address("api"), "/health"));
    CHECK(answers(serve.address("ingest"), "/health"));
    CHECK(answers(serve.address("admin"), "/health"));
    idle.clear();
    CHECK(answers(serve.address("redirect"), "/health"));
    std::stringstream said;
    said << std::ifstream(log).rdbuf();
    CHECK(said.str().find("event=descriptors_low") != std::string::npos);
    CHECK(said.str().find("event=accept_paused") == std::string::npos);
    serve.stop();
}
