#include "base/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <thread>

#include "base/net/fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;

namespace {

std::string text_of(const std::string& name) {
    std::ifstream file(name);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::ptrdiff_t files_in(const std::filesystem::path& directory) {
    return std::distance(std::filesystem::directory_iterator(directory), {});
}

}  // namespace

TEST_CASE("a file takes its name when it is whole, and not before", "[base]") {
    const test::TemporaryDirectory directory;
    const std::string name = directory.path() / "file";
    REQUIRE(write_whole_file(name, "old").has_value());
    {
        auto unfinished = WholeFile::create(name);
        REQUIRE(unfinished.has_value());
        REQUIRE(unfinished->write("half").has_value());
        CHECK(text_of(name) == "old");
    }
    CHECK(text_of(name) == "old");
    CHECK(files_in(directory.path()) == 1);
    REQUIRE(write_whole_file(name, "new").has_value());
    CHECK(text_of(name) == "new");
    CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("what is no regular file is written to, not replaced", "[base]") {
    const test::TemporaryDirectory directory;
    const std::string name = directory.path() / "pipe";
    REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
    const net::Fd reader(::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(write_whole_file(name, "through").has_value());
    char text[16] = {};
    CHECK(::read(reader.get(), text, sizeof text) == 7);
    CHECK(std::string(text) == "through");
    struct stat there {};
    REQUIRE(::stat(name.c_str(), &there) == 0);
    CHECK(S_ISFIFO(there.st_mode));
}

TEST_CASE("a file that cannot be written is named", "[base]") {
    const test::TemporaryDirectory directory;
    const std::string name = directory.path() / "no/such/file";
    CHECK(write_whole_file(name, "x").error().message ==
          "cannot write " + name + ": No such file or directory");
}

TEST_CASE("a file is read whole, or said to be missing or too large", "[base]") {
    const test::TemporaryDirectory directory;
    const std::string name = directory.path() / "file";
    REQUIRE(write_whole_file(name, "12345").has_value());
    CHECK(read_whole_file(name, 5).value() == "12345");
    CHECK(read_whole_file(name, 4).error().message ==
          name + ": larger than 4 bytes, too large to be read");
    const auto missing = read_whole_file(name + "s", 5);
    REQUIRE(missing.has_error());
    CHECK(missing.error().code == Errc::not_found);
    CHECK(missing.error().message == "cannot read " + name + "s: No such file or directory");
}

TEST_CASE("what is no regular file is refused, and a pipe without a writer not waited for",
          "[base]") {
    const test::TemporaryDirectory directory;
    const std::string pipe = directory.path() / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const std::string& name : {pipe, directory.path().string()}) {
        const auto read = read_whole_file(name, 5);
        REQUIRE(read.has_error());
        CHECK(read.error().code == Errc::invalid_argument);
        CHECK(read.error().message == "cannot read " + name + ": not a regular file");
    }
}

TEST_CASE("a pipe is read to its end, within bounds, where that is wanted", "[base]") {
    const test::TemporaryDirectory directory;
    const std::string name = directory.path() / "pipe";
    REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
    std::signal(SIGPIPE, SIG_IGN);
    std::promise<void> read;
    const auto write = [&](const std::string& text, bool close) {
        return std::thread([&name, &read, text, close] {
            const net::Fd out(::open(name.c_str(), O_WRONLY | O_CLOEXEC));
            [[maybe_unused]] const auto put = ::write(out.get(), text.data(), text.size());
            // Whoever reads it finds no end.
            if (!close) read.get_future().wait();
        });
    };
    std::thread writer = write("through", true);
    CHECK(read_file_or_pipe(name, 100, std::chrono::seconds(20)).value() == "through");
    writer.join();
    writer = write("too long", true);
    CHECK(read_file_or_pipe(name, 3, std::chrono::seconds(20)).error().code ==
          Errc::invalid_argument);
    writer.join();
    writer = write("held", false);
    CHECK(read_file_or_pipe(name, 100, std::chrono::milliseconds(100)).error().code ==
          Errc::timed_out);
    read.set_value();
    writer.join();
    CHECK(read_whole_file(name, 100).error().message ==
          "cannot read " + name + ": not a regular file");
}
