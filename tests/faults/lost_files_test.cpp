// A service that is started on a data directory from which files were lost.
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/faults/serve_api.hpp"
#include "tests/faults/serve_process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using qck::test::api;
using qck::test::RawClient;
using qck::test::ServeProcess;

namespace {

class LostFiles {
public:
    std::unique_ptr<ServeProcess> start() {
        auto serve = std::make_unique<ServeProcess>(data(), directory_.path() / "log",
                                                    std::vector<std::string>{"--threads", "1"});
        serve->wait_until_ready();
        return serve;
    }
    std::filesystem::path data() const { return directory_.path() / "data"; }

    static void click(const ServeProcess& serve) {
        RawClient client(*net::parse_address(serve.address("redirect")));
        client.send("GET /some HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(client.response().starts_with("HTTP/1.1 302 "));
    }
    static int clicks(const ServeProcess& serve) {
        return api(serve, "GET", "/v1/links/some/stats").at("clicks").get<int>();
    }

private:
    const qck::test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("a service killed before its first click starts without its node.json",
          "[faults][identity]") {
    LostFiles lost;
    lost.start()->kill();
    std::filesystem::remove(lost.data() / "node.json");
    auto serve = lost.start();
    api(*serve, "POST", "/v1/links", R"({"code": "some", "url": "https://example.com/"})");
    LostFiles::click(*serve);
    serve->stop();
    CHECK(LostFiles::clicks(*lost.start()) == 1);
}

TEST_CASE("P1: clicks count on a store that knows of later epochs than anything else",
          "[faults][P1][identity]") {
    LostFiles lost;
    auto serve = lost.start();
    api(*serve, "POST", "/v1/links", R"({"code": "some", "url": "https://example.com/"})");
    LostFiles::click(*serve);
    serve->stop();
    const auto file = lost.data() / "node.json";
    auto identity = nlohmann::json::parse(std::ifstream(file));
    identity["epoch"] = 0;
    std::ofstream(file) << identity;
    std::filesystem::remove_all(lost.data() / "journal");
    std::filesystem::remove(lost.data() / "checkpoint");

    serve = lost.start();
    CHECK(nlohmann::json::parse(std::ifstream(file)).at("epoch") == 2);
    LostFiles::click(*serve);
    serve->stop();
    CHECK(LostFiles::clicks(*lost.start()) == 2);
}
