#include <algorithm>
#include <fstream>

#include "cli/config_lines.hpp"
#include "cli/secret_arguments.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using test::contains;
using test::ProgramRun;

namespace {

ProgramRun qck_program(const std::vector<std::string>& arguments,
                       const std::vector<std::string>& variables = {}) {
    return test::run_program(QCK_PROGRAM, arguments, variables);
}

struct Refusal {
    std::vector<std::string> arguments;
    std::vector<std::string> variables;
    std::string line;  ///< all of stderr but its line end
};

/// Each is refused as wrong usage, with exactly this one line.
void check_refused(const std::vector<Refusal>& rows) {
    for (const auto& row : rows) {
        CAPTURE(row.arguments, row.variables);
        const auto run = qck_program(row.arguments, row.variables);
        CHECK(run.exit_code == 2);
        CHECK(run.out == "");
        CHECK(run.err == row.line + "\n");
    }
}

std::string write_config(const test::TemporaryDirectory& directory, const std::string& text) {
    const auto file = directory.path() / "qck.toml";
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
}

}  // namespace

TEST_CASE("an empty value is refused wherever a value is wanted", "[cli]") {
    const std::string flag = " is empty (leave it out, or give it a value)";
    const std::string variable = " is empty (unset it, or give it a value)";
    check_refused({
        {{"serve", "--token", ""}, {}, "qck serve: --token" + flag},
        {{"serve", "--token="}, {}, "qck serve: --token" + flag},
        {{"serve", "--data-dir", ""}, {}, "qck serve: --data-dir" + flag},
        {{"serve"}, {"QCK_TOKEN="}, "qck serve: QCK_TOKEN" + variable},
        {{"bench", "max", "--target", ""}, {}, "qck bench max: --target" + flag},
        {{"bench", "max", "--out", ""}, {}, "qck bench max: --out" + flag},
        {{"links", "add", "https://a.example/", "--code", ""}, {}, "qck links add: --code" + flag},
        {{"links", "edit", "a", "--expires", ""}, {}, "qck links edit: --expires" + flag},
        {{"links", "edit", "a", "--url", ""}, {}, "qck links edit: --url" + flag},
        {{"links", "add", ""}, {}, "qck links add: url is empty"},
        {{"links", "get", ""},
         {},
         "qck links get: code \"\" refused: expected 1 to 64 of the characters A-Z a-z 0-9 _ -"},
        {{"reconcile", "--run", ""}, {}, "qck reconcile: --run" + flag},
    });
}

TEST_CASE("values that cannot be right are refused in one line of plain words", "[cli]") {
    const std::string huge = "99999999999999999999";
    check_refused({
        {{"bench", "max", "--seed", "-1"},
         {},
         "qck bench max: --seed: '-1' is not a whole number of at least 0"},
        {{"bench", "max", "--seed", "abc"},
         {},
         "qck bench max: --seed: 'abc' is not a whole number of at least 0"},
        {{"bench", "max", "--seed", huge},
         {},
         "qck bench max: --seed: '" + huge + "' is not a whole number up to 18446744073709551615"},
        {{"bench", "max", "--slo", "p200<1ms"},
         {},
         "qck bench max: --slo: 'p200<1ms': 'p200' is not a measure (known: p50, p99, "
         "p999 and the like, mean, max, errors, rate)"},
        {{"bench", "viral", "--compress", "abc"},
         {},
         "qck bench viral: --compress: 'abc' is not a number from 1 to 1000000"},
        {{"bench", "max", "--ca", "/nowhere/ca.pem"},
         {},
         "qck bench max: --ca: cannot read /nowhere/ca.pem: No such file or directory"},
        {{"links", "edit", "a", "--if-version", "-1"},
         {},
         "qck links edit: --if-version: '-1' is not a whole number of at least 1"},
        {{"links", "import", "a.csv", "--from-line", "0"},
         {},
         "qck links import: --from-line: '0' is not a whole number of at least 1"},
        {{"serve", "--cache", "0"},
         {},
         "qck serve: --cache: '0' is too little memory (at least 1MB)"},
        {{"serve", "--journal-keep", "5"},
         {},
         "qck serve: --journal-keep: '5' is not a time and a size (try 24h,8GB)"},
        {{"bench", "constant", "--rate", "5", "--rate", "6"},
         {},
         "qck bench constant: --rate is given more than once"},
        {{"bench", "constant", "--rate"}, {}, "qck bench constant: --rate wants a value"},
        {{"serve", "--popular", "/etc"},
         {},
         "qck serve: --popular: cannot read /etc: Is a directory"},
        {{"serve", "--tls-cert", "/etc"},
         {},
         "qck serve: --tls-cert: cannot read /etc: Is a directory"},
        {{"serve", "--steer-by-cpu"},
         {},
         "qck serve: --steer-by-cpu needs --pin, with a CPU of its own for each thread"},
        {{"serve", "--steer-by-cpu", "--pin", "0", "--threads", "2"},
         {},
         "qck serve: --steer-by-cpu needs --pin, with a CPU of its own for each thread"},
        {{"serve", "--steer-by-cpu", "--pin", "0,0", "--threads", "1"},
         {},
         "qck serve: --steer-by-cpu needs --pin, with a CPU of its own for each thread"},
        {{"serve", "--pin", "2147483647"},
         {},
         "qck serve: --pin: '2147483647' is not a list of CPUs (try 0 or 0,2 or 0-3)"},
        {{"serve", "--cache", "999999TB"},
         {},
         "qck serve: --cache: '999999TB' is more memory than this machine has"},
        {{"reconcile", "--data-dir", "x", "--admin", "127.0.0.1:1"},
         {},
         "qck reconcile: --data-dir and --admin exclude each other: a service is asked, or its "
         "directory read"},
        {{"bench", "max", "--agents-within", "5s"},
         {},
         "qck bench max: --agents-within is for agents, and there are none (--agents)"},
        {{"bench", "max", "--fleet-token=x"},
         {},
         "qck bench max: --fleet-token is for agents, and there are none (--agents)"},
        {{"bench", "max", "--agents-ca", "/etc/hosts"},
         {},
         "qck bench max: --agents-ca is for agents, and there are none (--agents)"},
        {{"bench", "max", "--serve", "--target", "http://127.0.0.1/"},
         {},
         "qck bench max: --serve and --target exclude each other"},
    });
}

TEST_CASE("a flag that does not exist names the one that was meant", "[cli]") {
    check_refused({
        {{"serve", "--data-dri", "x"},
         {},
         "qck serve: --data-dri is no flag of qck serve (did you mean --data-dir?)"},
        {{"serve", "--lissten=127.0.0.1:1"},
         {},
         "qck serve: --lissten is no flag of qck serve (did you mean --listen?)"},
        {{"serve", "--colour", "red"},
         {},
         "qck serve: --colour is no flag of qck serve (qck serve --help)"},
        {{"bench", "constant", "--rat", "5"},
         {},
         "qck bench constant: --rat is no flag of qck bench constant (did you mean --rate?)"},
        {{"bench", "constnt", "--rate", "1"},
         {},
         "qck bench: 'constnt' is not a command of qck bench (did you mean constant?)"},
        {{"bench", "--rate", "1", "constnt"},
         {},
         "qck bench: 'constnt' is not a command of qck bench (did you mean constant?)"},
        {{"srve"}, {}, "qck: 'srve' is not a command of qck (did you mean serve?)"},
        {{"serve", "now"}, {}, "qck serve: 'now' was not expected (qck serve --help)"},
        {{"--json", "links", "list"},
         {},
         "qck links list: --json goes behind the command: qck links list --json"},
    });
}

TEST_CASE("an error names the variable that the value came from", "[cli]") {
    check_refused({
        {{"serve"},
         {"QCK_THREADS=abc"},
         "qck serve: QCK_THREADS: 'abc' is not a whole number from 1 to 256"},
        {{"serve"}, {"QCK_QUIET=maybe"}, "qck serve: QCK_QUIET: 'maybe' is not true or false"},
        {{"bench", "constant"},
         {"QCK_RATE=abc"},
         "qck bench constant: QCK_RATE: 'abc' is not a rate (try 10M, 250k or 1500)"},
        {{"serve", "--threads", "x"},
         {"QCK_THREADS=abc"},
         "qck serve: --threads: 'x' is not a whole number from 1 to 256"},
    });
}

TEST_CASE("an error names the line of the file that the value came from", "[cli]") {
    const test::TemporaryDirectory directory;
    const auto refused = [&](const std::string& text, const std::string& line) {
        const auto file = write_config(directory, text);
        check_refused({{{"serve", "--config", file}, {}, "qck serve: " + file + line}});
    };
    refused("# ours\n[serve]\nthreads = \"abc\"\n",
            ":3: threads: 'abc' is not a whole number from 1 to 256");
    refused("serve.threads = 0\n", ":1: threads: '0' is not a whole number from 1 to 256");
    refused("[serve]\nquiet = \"maybe\"\n", ":2: quiet: 'maybe' is not true or false");
    refused("[serve]\ntoken = \"\"\n", ":2: token is empty (leave it out, or give it a value)");
    refused("[bench.max]\nthreads = -5\n",
            ":2: threads: '-5' is not a whole number from 1 to 1024");
    refused("[serve]\n\ndata-dri = \"x\"\n",
            ":3: 'serve.data-dri' is no option of any command (sections and names are those of the "
            "flags)");
    refused("# ours\n[serv]\nthreads = 2\n",
            ":2: 'serv' is no command (sections and names are those of the flags)");
    refused("\n[serve\n", ":2: expected [section] or name = value");
    refused("[serve]\nnonsense\n", ":2: expected [section] or name = value");
    check_refused({{{"serve", "--config", "/nowhere/qck.toml"},
                    {},
                    "qck serve: --config: cannot read /nowhere/qck.toml: No such file or "
                    "directory"},
                   {{"serve", "--config", "/etc"},
                    {},
                    "qck serve: --config: cannot read /etc: not a regular file"}});
}

TEST_CASE("a variable that no option has is told of, with the one that was meant", "[cli]") {
    const auto said = [](std::vector<std::string> variables) {
        return qck_program({"report", "show", "/none"}, std::move(variables)).err;
    };
    const std::string plain = said({});
    CHECK(said({"QCK_REDDIS=redis://a"}) ==
          "qck report show: QCK_REDDIS is no variable of qck (did you mean QCK_REDIS?)\n" + plain);
    CHECK(said({"QCK_NONSENSE_OF_MINE=1"}) ==
          "qck report show: QCK_NONSENSE_OF_MINE is no variable of qck, and does nothing\n" +
              plain);
    // Of other commands, of tests, and of a service in Kubernetes.
    CHECK(said({"QCK_REDIS=redis://a", "QCK_CLICKHOUSE_CLUSTER=c", "QCK_SEED=1", "QCK_KILLS=1",
                "QCK_SERVICE_HOST=a", "QCK_SERVICE_PORT=1", "QCK_PORT_8080_TCP_ADDR=a",
                "QCK_PORT=tcp://a", "OTHER=1"}) == plain);
}

TEST_CASE("variables that images and scripts set are no flags of ours", "[cli]") {
    const auto run = qck_program({"report"}, {"QCK_VERSION=1", "QCK_HELP=1", "QCK_CONFIG=/none"});
    CHECK(run.exit_code == 2);
    CHECK(run.out == "");
    // QCK_OUT is the directory of a run, not the file of an export.
    const test::TemporaryDirectory directory;
    const auto out = (directory.path() / "out").string();
    const auto exported =
        qck_program({"links", "export", "--api", "http://127.0.0.1:1"}, {"QCK_OUT=" + out});
    CHECK(contains(exported.err, "cannot reach"));
    CHECK(qck_program({"links", "export", "--help"}).out.find("QCK_OUT") == std::string::npos);
    CHECK(contains(qck_program({"bench", "max", "--help"}).out, "QCK_OUT"));
}

TEST_CASE("one address of the API serves both its listener and its clients", "[cli]") {
    // Refused for being open without a token, so understood.
    for (const char* api : {"192.0.2.1:8081", "http://192.0.2.1:8081", "https://192.0.2.1:8081/"}) {
        const auto run = qck_program({"serve"}, {std::string("QCK_API=") + api});
        CHECK(contains(run.err, "--api: 192.0.2.1:8081 is open to others"));
    }
    const auto admin = qck_program({"serve"}, {"QCK_ADMIN=192.0.2.1:9090"});
    CHECK(contains(admin.err, "--admin: 192.0.2.1:9090 is open to others: set a token"));
    const auto client = qck_program({"links", "list"}, {"QCK_API=127.0.0.1:1"});
    CHECK(contains(client.err, "cannot reach http://127.0.0.1:1"));
    const auto wrong = qck_program({"serve"}, {"QCK_API=http://nonsense"});
    CHECK(contains(wrong.err, "QCK_API: 'http://nonsense' is not an address"));
}

TEST_CASE("help and version are found by whoever guesses", "[cli]") {
    CHECK(contains(qck_program({"help", "serve"}).out, "--data-dir"));
    CHECK(qck_program({"version"}).out == qck_program({"--version"}).out);
    CHECK(qck_program({"-V"}).out == qck_program({"--version"}).out);
}

TEST_CASE("the help of a command names the flags of those above it", "[cli]") {
    CHECK(contains(qck_program({"links", "list", "--help"}).out,
                   "And the flags of qck links: --api, --token, --ca, --json"));
    CHECK(contains(qck_program({"mode", "set", "--help"}).out, "--admin, --token, --json"));
    CHECK(contains(qck_program({"serve", "--help"}).out,
                   "And the flags of qck: --version, --config"));
}

TEST_CASE("results that cannot be written are no success", "[cli]") {
    const test::TemporaryDirectory directory;
    for (const std::string arguments : {"--help", "--version", "bench max --help"}) {
        const auto run = test::run_program(
            "/bin/sh", {"-c", std::string(QCK_PROGRAM) + " " + arguments + " >/dev/full"});
        CHECK(run.exit_code == 3);
        CHECK(contains(run.err, "cannot write to standard output"));
    }
}

TEST_CASE("the lines of a configuration are found by name", "[cli]") {
    const auto lines = cli::ConfigLines::scan("f.toml",
                                              "; ours\nserve.cache = \"1MB\"\n[bench.max]\r\n"
                                              "slo = [\n  \"a = b\",\n]\nseed = 1 # two\n");
    REQUIRE(lines.has_value());
    CHECK(lines->place_of("serve.cache") == "f.toml:2");
    CHECK(lines->place_of("bench.max.slo") == "f.toml:4");
    CHECK(lines->place_of("bench.max.seed") == "f.toml:7");
    CHECK(lines->place_of("seed") == "");
}

TEST_CASE("secrets among the arguments are blotted out of the list of processes", "[cli]") {
    const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> rows{
        {{"redis://:hush@a:1,redis://u:hush@b:2/3"}, {"redis://:xxxx@a:1,redis://u:xxxx@b:2/3"}},
        {{"postgresql://u:hu@sh@h/db?sslmode=require"},
         {"postgresql://u:xxxxx@h/db?sslmode=require"}},
        {{"postgresql://u@h/db?password=hush&sslpassword=hush&user=u"},
         {"postgresql://u@h/db?password=xxxx&sslpassword=xxxx&user=u"}},
        {{"host=h password=hush user=u"}, {"host=h password=xxxx user=u"}},
        {{"host=h password = 'hu sh' user=u"}, {"host=h password = xxxxxx' user=u"}},
        {{R"(password='hu\' sh' user=u)"}, {R"(password=xxxxxxxx' user=u)"}},
        {{R"(password=hu\ sh user=u)"}, {"password=xxxxxx user=u"}},
        {{"--token", "hush", "-x"}, {"--token", "xxxx", "-x"}},
        {{"--fleet-token=hush"}, {"--fleet-token=xxxx"}},
        {{"--count-cmd", "curl -u hush"}, {"--count-cmd", "curl xxxxxxx"}},
        {{"--count-url", "http://h/n?key=hush"}, {"--count-url", "http://h/n?xxxxxxxx"}},
        {{"http://h:1/password", "--tokens"}, {"http://h:1/password", "--tokens"}}};
    for (const auto& [typed, shown] : rows) {
        auto words = typed;
        words.insert(words.begin(), "qck");
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        cli::hide_secrets(static_cast<int>(argv.size()), argv.data());
        CHECK(std::vector<std::string>(words.begin() + 1, words.end()) == shown);
    }
}
