#include <algorithm>
#include <fstream>
#include <random>

#include "tests/integration/service_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_certificate.hpp"

using namespace qck;
using nlohmann::json;
using test::contains;
using test::ProgramRun;
using test::RunningService;

namespace {

/// `qck links …` against a service.
class LinksCommand {
public:
    explicit LinksCommand(const RunningService& service)
        : variables_{"QCK_API=http://" + service.address("api").to_string()} {
        if (!service.config.token.empty())
            variables_.push_back("QCK_TOKEN=" + service.config.token);
    }
    ProgramRun operator()(std::vector<std::string> arguments,
                          const std::string& input_file = "/dev/null") const {
        arguments.insert(arguments.begin(), "links");
        return test::run_program(QCK_PROGRAM, arguments, variables_, input_file);
    }

private:
    std::vector<std::string> variables_;
};

std::filesystem::path write_file(const RunningService& service, const char* name,
                                 const std::string& text) {
    const auto file = service.directory.path() / name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
}

}  // namespace

TEST_CASE("a link is added, shown, edited, listed and removed by the command", "[links][cli]") {
    RunningService service;
    const LinksCommand links(service);
    const auto added = links({"add", "https://example.com/x", "--code", "promo", "--status", "308",
                              "--max-age", "60", "--expires", "2099-01-01T00:00:00Z", "--json"});
    CHECK(added.err == "");
    REQUIRE(added.exit_code == 0);
    CHECK(json::parse(added.out)["status"] == 308);
    CHECK(contains(service.get("/promo"), "Location: https://example.com/x\r\n"));

    const auto shown = links({"get", "promo"});
    CHECK(contains(shown.out, "url         https://example.com/x\n"));
    CHECK(contains(shown.out, "expires_at  2099-01-01T00:00:00Z\n"));

    const auto edited = links({"edit", "promo", "--url", "https://b.example/", "--no-max-age",
                               "--no-expires", "--if-version", "1"});
    CHECK(edited.exit_code == 0);
    CHECK(contains(edited.out, "version     2\n"));
    CHECK(test::eventually(
        [&] { return contains(service.get("/promo"), "Location: https://b.example/\r\n"); }));
    CHECK(links({"edit", "promo", "--status", "301", "--if-version", "1"}).exit_code == 1);

    CHECK(links({"add", "https://c.example/"}).exit_code == 0);
    const auto listed = links({"list", "--json", "--all"});
    CHECK(json::parse(listed.out)["links"].size() == 2);
    const auto page = links({"list", "--limit", "1"});
    CHECK(contains(page.out, "CODE"));
    CHECK(contains(page.err, "there are more"));

    const auto removed = links({"rm", "promo"});
    CHECK(removed.out == "removed promo\n");
    CHECK(links({"get", "promo"}).exit_code == 1);
    CHECK(test::eventually([&] { return contains(service.get("/promo"), " 404 "); }));
}

TEST_CASE("a code that is no link's exits 1, and one that can be none 2, of every command",
          "[links][cli]") {
    RunningService service;
    const std::vector<std::string> variables{
        "QCK_API=http://" + service.address("api").to_string(),
        "QCK_ADMIN=http://" + service.address("admin").to_string()};
    const auto run = [&](std::vector<std::string> words, const std::string& code) {
        std::replace(words.begin(), words.end(), std::string("CODE"), code);
        return test::run_program(QCK_PROGRAM, words, variables);
    };
    const std::vector<std::vector<std::string>> commands{
        {"links", "get", "CODE"},
        {"links", "stats", "CODE"},
        {"links", "edit", "CODE", "--status", "301"},
        {"links", "rm", "CODE"},
        {"mode", "set", "CODE", "burst"},
        {"cache", "warm", "CODE"},
        {"cache", "evict", "CODE"},
        {"cache", "pin", "CODE"},
        {"cache", "unpin", "CODE"},
        {"reconcile", "--link", "CODE"}};
    for (const auto& words : commands) {
        CAPTURE(words);
        const auto unknown = run(words, "none");
        INFO(unknown.err);
        CHECK(unknown.exit_code == 1);
        CHECK(contains(unknown.err, words[0] == "cache" ? "no such link: none\n"
                                                        : "there is no link \"none\"\n"));
        const auto wrong = run(words, "a b");
        INFO(wrong.err);
        CHECK(wrong.exit_code == 2);
        CHECK(contains(wrong.err,
                       "code \"a b\" refused: expected 1 to 64 of the characters "
                       "A-Z a-z 0-9 _ -\n"));
        CHECK(std::count(wrong.err.begin(), wrong.err.end(), '\n') == 1);
    }
}

TEST_CASE("wrong input exits 2, no for an answer 1, nobody there 3, in one line", "[links][cli]") {
    RunningService service;
    const LinksCommand links(service);
    REQUIRE(links({"add", "https://a.example/", "--code", "a"}).exit_code == 0);
    struct Row {
        std::vector<std::string> arguments;
        int exit_code;
        const char* message;
    };
    const std::vector<Row> rows{
        {{"add", "javascript:alert(1)"},
         2,
         "qck links add: target \"javascript:alert(1)\" refused: only http and https targets\n"},
        {{"add", "https://a.example/", "--code", "a"}, 1, "code \"a\" is taken"},
        {{"add", "https://a.example/", "--code", "a b"}, 2, "code \"a b\" refused"},
        {{"add", "https://a.example/", "--status", "200"}, 2, "status 200 refused"},
        {{"add", "https://a.example/", "--max-age", "soon"}, 2, "'soon' is not a whole number"},
        {{"list", "--ca", "/nowhere.pem"}, 2, "--ca: cannot read /nowhere.pem"},
        {{"import", "/etc/hostname", "--format", "ndjson", "--from-line", "9"},
         2,
         "ends at line 1, before --from-line 9"},
        {{"add", "https://a.example/", "--expires", "soon"}, 2, "RFC 3339"},
        {{"add"}, 2, "url is required"},
        {{"add", "https://a.example/", "--colour", "red"}, 2, "--colour"},
        {{"get", "none"}, 1, "there is no link \"none\""},
        {{"get", "../health"}, 2, "refused"},
        {{"edit", "a"}, 2, "nothing to change"},
        {{"edit", "a", "--max-age", "1", "--no-max-age"}, 2, "--no-max-age"},
        {{"rm", "none"}, 1, "there is no link \"none\""},
        {{"list", "--limit", "0"}, 2, "--limit"},
        {{"import", "none.csv"}, 2, "cannot read none.csv: No such file"},
        {{"import", "none.txt"}, 2, "cannot tell the format of none.txt"},
        {{"export", "--out", "/nowhere/x.csv"}, 3, "cannot write /nowhere/x.csv"},
        {{"export", "--format", "xml"}, 2, "'xml' is not a format"},
        {{"list", "--api", "ftp://x"}, 2, "'ftp://x' is not a service address"},
        {{"list", "--api", "http://127.0.0.1:1"},
         3,
         "qck links list: cannot reach http://127.0.0.1:1: connection refused (start one with `qck "
         "serve`, or set --api)\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.arguments);
        const auto run = links(row.arguments);
        CHECK(run.exit_code == row.exit_code);
        CHECK(contains(run.err, row.message));
        CHECK(run.out == "");
        CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    }
}

TEST_CASE("a token is asked for, taken from the environment, and in no message", "[links][cli]") {
    RunningService service([](auto& config) { config.token = "s3cret-token"; });
    const LinksCommand links(service);
    CHECK(links({"list"}).exit_code == 0);
    const auto denied = links({"list", "--token", "wrong-token"});
    CHECK(denied.exit_code == 3);
    CHECK(contains(denied.err, "refused the token"));
    CHECK_FALSE(contains(denied.err, "wrong-token"));
}

TEST_CASE("a service with a certificate of its own is asked with --ca", "[links][cli]") {
    const test::TemporaryDirectory directory;
    const auto made = test::write_certificate(directory.path(), "qck");
    const auto secured = [&](const char* api) {
        return [&, api](auto& config) {
            config.tls_certificate = made.certificate_file.string();
            config.tls_key = made.key_file.string();
            config.api_address = *net::parse_address(api);
        };
    };
    RunningService service(secured("127.0.0.1:0"));
    const auto links = [&](const RunningService& of, std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(),
                         {"links", "--api", "https://" + of.address("api").to_string()});
        return test::run_program(QCK_PROGRAM, arguments);
    };
    const auto ca = made.certificate_file.string();
    const auto added = links(service, {"--ca", ca, "add", "https://a.example/", "--code", "a"});
    CHECK(added.err == "");
    CHECK(added.exit_code == 0);
    CHECK(contains(links(service, {"get", "a", "--ca", ca}).out, "https://a.example/"));

    const auto refused = links(service, {"list"});
    CHECK(refused.exit_code == 3);
    CHECK(contains(refused.err, "does not trust https://"));
    CHECK(contains(refused.err, "self"));
    CHECK(contains(refused.err, "--ca FILE"));
    CHECK_FALSE(contains(refused.err, "qck serve"));

    RunningService elsewhere(secured("127.0.0.2:0"));
    const auto another = links(elsewhere, {"--ca", ca, "list"});
    CHECK(another.exit_code == 3);
    CHECK(contains(another.err, "its certificate is not for 127.0.0.2"));
}

TEST_CASE("who asks the redirect listener for links is told", "[links][cli]") {
    RunningService service;
    const std::string url = "http://" + service.address("redirect").to_string();
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"list"}, {"get", "a"}, {"add", "https://a.example/"}}) {
        std::vector<std::string> all{"links", "--api", url};
        all.insert(all.end(), arguments.begin(), arguments.end());
        const auto run = test::run_program(QCK_PROGRAM, all);
        CHECK(run.exit_code == 3);
        CHECK(contains(run.err, url + " answers redirects, and is no links API"));
    }
}

TEST_CASE("who asks the wrong listener is told which one it is, and which it should be",
          "[links][cli]") {
    RunningService service;
    struct Asked {
        std::string listener;
        std::vector<std::string> words;
        std::string says;
    };
    const std::string api =
        ", and is no links API (its address is the one that `qck serve` calls "
        "api)\n";
    const std::string admin =
        ", and is no admin listener (its address is the one that `qck serve` "
        "calls admin)\n";
    const std::vector<Asked> all{
        {"ingest", {"links", "list", "--api"}, " takes events" + api},
        {"admin", {"links", "list", "--api"}, " is the admin listener" + api},
        {"admin", {"links", "add", "https://a.example/", "--api"}, " is the admin listener" + api},
        {"api", {"status", "--admin"}, " answers for links" + admin},
        {"api", {"reconcile", "--admin"}, " answers for links" + admin},
        {"redirect", {"cache", "stats", "--admin"}, " answers redirects" + admin},
        {"ingest", {"mode", "show", "--admin"}, " takes events" + admin},
    };
    for (const Asked& asked : all) {
        const std::string url = "http://" + service.address(asked.listener).to_string();
        auto words = asked.words;
        words.push_back(url);
        const auto run = test::run_program(QCK_PROGRAM, words);
        CAPTURE(asked.words, run.err);
        CHECK(run.exit_code == 3);
        CHECK(contains(run.err, url + asked.says));
    }
}

TEST_CASE("a list that cannot be written is no success", "[links][cli]") {
    RunningService service;
    service.add_link("a");
    const std::string url = "http://" + service.address("api").to_string();
    for (const std::string rest : {"list", "list --json --all", "get a", "export"}) {
        const auto run = test::run_program(
            "/bin/sh",
            {"-c", std::string(QCK_PROGRAM) + " links --api " + url + " " + rest + " > /dev/full"});
        CAPTURE(rest, run.err);
        CHECK(run.exit_code == 3);
        CHECK(contains(run.err, "No space left on device"));
    }
}

TEST_CASE("an import stops at the first wrong line with nothing after it", "[links][cli]") {
    RunningService service;
    const LinksCommand links(service);
    std::string text = "code,url\n";
    for (int i = 1; i <= 5000; ++i) {
        const bool wrong = i == 4321;
        text += "c" + std::to_string(i) + (wrong ? ",javascript:alert(1)\n" : ",http://a/\n");
    }
    const auto file = write_file(service, "links.csv", text);
    const auto stopped = links({"import", file.string()});
    CHECK(stopped.exit_code == 2);
    CHECK(stopped.out == "");
    CHECK(stopped.err == file.string() +
                             ":4322: target \"javascript:alert(1)\" refused: only http and https "
                             "targets (4,320 imported, nothing after)\n");
    CHECK(service.api("GET", "/v1/links/c4320").first == 200);
    CHECK(service.api("GET", "/v1/links/c4322").first == 404);
    CHECK(json::parse(links({"list", "--all", "--json"}).out)["links"].size() == 4320);

    const auto again = links({"import", file.string()});
    CHECK(again.exit_code == 1);
    CHECK(contains(again.err, "links.csv:2: code \"c1\" is taken"));

    text.replace(text.find("javascript:alert(1)"), 19, "http://a/");
    write_file(service, "links.csv", text);
    const auto finished = links({"import", file.string(), "--from-line", "4322", "--json"});
    CHECK(json::parse(finished.out)["imported"] == 680);
}

TEST_CASE("export and import round-trip a hundred thousand links exactly", "[links][cli]") {
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const std::string letters = "abc,\"'|;{}[]%#?&=~";
    RunningService from;
    const LinksCommand first(from);
    const auto pick = [&](std::initializer_list<const char*> values) {
        return std::string(values.begin()[random() % values.size()]);
    };
    std::string text;
    for (int i = 0; i < 100'000; ++i) {
        std::string url = "http://a.example/";
        for (auto n = random() % 12; n > 0; --n) {
            const char c = letters[random() % letters.size()];
            if (c != '"') url += c;
        }
        json link{{"url", url}};
        if (random() % 2 == 0) link["code"] = "c" + std::to_string(i);
        if (random() % 3 == 0) link["status"] = std::stoi(pick({"301", "302", "307", "308"}));
        if (random() % 3 == 0) link["max_age"] = random() % 1000;
        if (random() % 3 == 0) {
            link["expires_at"] = pick(
                {"2099-01-01T00:00:00.5Z", "2099-01-01T12:00:00+02:00", "2001-01-01T00:00:00Z"});
        }
        text += link.dump() + "\n";
    }
    const auto file = write_file(from, "links.ndjson", text);
    REQUIRE(first({"import", file.string(), "--keep-expired"}).exit_code == 0);

    const auto csv = (from.directory.path() / "out.csv").string();
    const auto ndjson = (from.directory.path() / "out.ndjson").string();
    CHECK(first({"export", "--out", csv}).out == "exported 100,000 links to " + csv + "\n");
    CHECK(first({"export", "--out", ndjson}).exit_code == 0);
    for (const auto& exported : {csv, ndjson}) {
        RunningService to;
        const LinksCommand second(to);
        const auto imported = second({"import", exported, "--keep-expired"});
        CHECK(imported.err == "");
        REQUIRE(imported.exit_code == 0);
        const std::string format = exported == csv ? "csv" : "ndjson";
        const bool same =
            second({"export", "--format", format}).out == test::text_of_file(exported);
        CHECK(same);
    }
}

TEST_CASE("an export to - goes to standard output", "[links][cli]") {
    RunningService service;
    const LinksCommand links(service);
    REQUIRE(links({"add", "https://a.example/", "--code", "a"}).exit_code == 0);
    const auto exported = links({"export", "--out", "-"});
    CHECK(exported.exit_code == 0);
    CHECK(exported.out == links({"export"}).out);
    CHECK(contains(exported.out, "a,https://a.example/"));
    CHECK_FALSE(std::filesystem::exists("-"));
}

TEST_CASE("an export that fails leaves the old file as it was", "[links][cli]") {
    RunningService service;
    const LinksCommand links(service);
    const auto file = write_file(service, "out.csv", "old");
    const auto failed = links({"export", "--out", file.string(), "--api", "http://127.0.0.1:1"});
    CHECK(failed.exit_code == 3);
    CHECK(test::text_of_file(file) == "old");
    const auto directory = std::filesystem::directory_iterator(service.directory.path());
    CHECK(std::none_of(begin(directory), end(directory),
                       [](const auto& entry) { return entry.path().extension() == ".tmp"; }));
}

TEST_CASE("an import reads stdin and says when the service goes away", "[links][cli]") {
    RunningService service;
    const LinksCommand links(service);
    const auto file = write_file(service, "in", "{\"url\":\"http://a/\",\"code\":\"x\"}\n");
    const auto imported = links({"import", "-", "--format", "ndjson"}, file.string());
    CHECK(imported.exit_code == 0);
    CHECK(contains(imported.out, "imported 1 link "));
    service.stop();
    const auto lost = links({"import", "-", "--format", "ndjson"}, file.string());
    CHECK(lost.exit_code == 3);
    CHECK(contains(lost.err, "cannot reach"));
    CHECK(contains(lost.err, "(0 imported, nothing after)"));
}
