#include "base/http/body_decoder.hpp"

#include "tests/support/catch.hpp"

using namespace qck::http;
using namespace std::string_literals;

namespace {

struct Decoded {
    Decoded(Framing framing, std::uint64_t length, std::string_view bytes,
            std::uint64_t bytes_max = 1000) {
        decoder.start(framing, length, bytes_max);
        status = decoder.feed(bytes, &content, consumed);
    }
    BodyDecoder decoder;
    std::string content;
    std::size_t consumed = 0;
    ParseStatus status = ParseStatus::need_more;
};

Decoded chunked(std::string_view bytes) { return {Framing::chunked, 0, bytes}; }

}  // namespace

TEST_CASE("a body of known length ends there", "[base][http][body]") {
    const Decoded decoded(Framing::content_length, 5, "helloGET /");
    CHECK(decoded.status == ParseStatus::complete);
    CHECK(decoded.content == "hello");
    CHECK(decoded.consumed == 5);
    const Decoded cut(Framing::content_length, 5, "hel");
    CHECK(cut.status == ParseStatus::need_more);
    CHECK(cut.consumed == 3);
}

TEST_CASE("no body takes no byte", "[base][http][body]") {
    CHECK(Decoded(Framing::none, 0, "GET").status == ParseStatus::complete);
    const Decoded empty(Framing::content_length, 0, "GET");
    CHECK(empty.status == ParseStatus::complete);
    CHECK(empty.consumed == 0);
    BodyDecoder decoder;
    decoder.start(Framing::content_length, 0, 0);
    CHECK(decoder.finish() == ParseStatus::complete);
}

TEST_CASE("chunks are joined and what surrounds them is dropped", "[base][http][body]") {
    const Decoded decoded =
        chunked("5\r\nhello\r\n6;name=\"v;\t\"\r\n world\r\n000\r\nX-Sum: 1\r\nY:\r\n\r\nGET /");
    CHECK(decoded.status == ParseStatus::complete);
    CHECK(decoded.content == "hello world");
    CHECK(decoded.consumed == 53);  // all but "GET /"
    CHECK(decoded.decoder.body_bytes() == 11);
    CHECK(chunked("A\r\n0123456789\r\n0\r\n\r\n").content == "0123456789");
    CHECK(chunked("a\r\n0123456789\r\n0\r\n\r\n").status == ParseStatus::complete);
    CHECK(chunked("0\r\n\r\n").status == ParseStatus::complete);
}

TEST_CASE("malformed chunks are refused", "[base][http][body]") {
    for (const std::string& bytes : {"\r\n"s,
                                     " 5\r\n"s,
                                     "5 \r\n"s,
                                     "5\t;a\r\n"s,
                                     "+5\r\n"s,
                                     "-5\r\n"s,
                                     "0x5\r\n"s,
                                     "5_0\r\n"s,
                                     "g\r\n"s,
                                     ";a\r\n"s,
                                     "5\n"s,
                                     "5\rx"s,
                                     "5;a\nb\r\n"s,
                                     "5;a\0\r\n"s,
                                     "5;a\x7f\r\n"s,
                                     "5;\x01\r\n"s,
                                     "10000000000000000\r\n"s,
                                     "00000000000000005\r\n"s,
                                     "fffffffffffffffff\r\n"s,
                                     "1\r\nab\r\n"s,
                                     "1\r\na\n"s,
                                     "1\r\na\rx"s,
                                     "1\r\nabc"s,
                                     "0\r\n X: y\r\n\r\n"s,
                                     "0\r\nX : y\r\n\r\n"s,
                                     "0\r\n: y\r\n\r\n"s,
                                     "0\r\nnocolon\r\n\r\n"s,
                                     "0\r\nX: y\n\r\n"s,
                                     "0\r\nX: \x01\r\n\r\n"s,
                                     "0\r\n\rx"s,
                                     "0\r\nX: y\r\n z\r\n\r\n"s,
                                     "0\n\n"s,
                                     "0\r\n\n"s,
                                     "\0"s,
                                     "5;\r\n"s,
                                     "5;;a\r\n"s,
                                     "5;=b\r\n"s,
                                     "5;a=\r\n"s,
                                     "5;a=;b\r\n"s,
                                     "5;a=b=c\r\n"s,
                                     "5;a=\"b\r\n"s,
                                     "5;a=\"b\"c\r\n"s,
                                     "5;a=b\"c\"\r\n"s,
                                     "5;\"a\"\r\n"s,
                                     "5;a=\"\\\x01\"\r\n"s,
                                     "5; a\r\n"s,
                                     "5;a =b\r\n"s,
                                     "5;a=b\n"s,
                                     "5;" + std::string(9000, 'a'),
                                     "0\r\nX: " + std::string(9000, 'a')}) {
        CAPTURE(bytes.substr(0, 60));
        const Decoded decoded = chunked(bytes);
        CHECK(decoded.status == ParseStatus::failed);
        CHECK(decoded.decoder.error_status() == 400);
        CHECK(decoded.decoder.error_reason() != ""s);
    }
}

TEST_CASE("chunk extensions have names and may have values", "[base][http][body]") {
    for (const char* extension :
         {";a", ";a;b", ";a=b", ";a=\"\"", ";a=\"b;=\\\"c\\\\\"", ";a=\"b\";c=d;e"}) {
        CAPTURE(extension);
        const Decoded decoded = chunked("1" + std::string(extension) + "\r\nx\r\n0\r\n\r\n");
        CHECK(decoded.status == ParseStatus::complete);
        CHECK(decoded.content == "x");
    }
}

TEST_CASE("overhead is bounded over all chunks together", "[base][http][body]") {
    std::string bytes;
    for (int chunk = 0; chunk < 100; ++chunk) bytes += "1;" + std::string(100, 'x') + "\r\na\r\n";
    CHECK(chunked(bytes).status == ParseStatus::failed);
}

TEST_CASE("a body that is too long fails with 413 before it is kept", "[base][http][body]") {
    CHECK(Decoded(Framing::chunked, 0, "3e8\r\n").status == ParseStatus::need_more);
    for (const char* size : {"3e9\r\n", "ffffffffffffffff\r\n", "1\r\na\r\n3e8\r\n"}) {
        CAPTURE(size);
        const Decoded decoded = chunked(size);
        CHECK(decoded.status == ParseStatus::failed);
        CHECK(decoded.decoder.error_status() == 413);
    }
    CHECK(Decoded(Framing::content_length, 1001, "").decoder.error_status() == 413);
    CHECK(Decoded(Framing::until_close, 0, std::string(1001, 'a')).decoder.error_status() == 413);
}

TEST_CASE("a body until close ends with the connection and others are cut by it",
          "[base][http][body]") {
    Decoded open(Framing::until_close, 0, "abc");
    CHECK(open.status == ParseStatus::need_more);
    CHECK(open.content == "abc");
    CHECK(open.decoder.finish() == ParseStatus::complete);
    Decoded cut(Framing::content_length, 5, "abc");
    CHECK(cut.decoder.finish() == ParseStatus::failed);
    CHECK(chunked("0\r\n").decoder.finish() == ParseStatus::failed);
}

TEST_CASE("a body can be counted without being kept", "[base][http][body]") {
    BodyDecoder decoder;
    decoder.start(Framing::chunked, 0, 1000);
    std::size_t consumed = 0;
    CHECK(decoder.feed("5\r\nhello\r\n0\r\n\r\n", nullptr, consumed) == ParseStatus::complete);
    CHECK(consumed == 15);
    CHECK(decoder.body_bytes() == 5);
}
