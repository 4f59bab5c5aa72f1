#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "base/http/body_decoder.hpp"
#include "tests/base/http/parse_outcome.hpp"
#include "tests/base/http/refused_requests.hpp"
#include "tests/support/catch.hpp"

using namespace qck::http;
using namespace qck::http::test;

namespace {

const Limits split_limits;

/// The seeds of a fuzzer.
std::vector<std::string> corpus(const std::string& name) {
    std::vector<std::string> messages;
    for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + name)) {
        std::ifstream file(entry.path(), std::ios::binary);
        messages.emplace_back(std::istreambuf_iterator<char>(file),
                              std::istreambuf_iterator<char>());
    }
    REQUIRE(messages.size() > 10);
    return messages;
}

/// Where to cut: everywhere, or for long messages around the ends and at every 97th byte.
std::vector<std::size_t> cuts_of(const std::string& message) {
    std::vector<std::size_t> cuts;
    for (std::size_t cut = 0; cut <= message.size(); ++cut) {
        if (message.size() < 2000 || cut < 100 || message.size() - cut < 100 || cut % 97 == 0)
            cuts.push_back(cut);
    }
    return cuts;
}

template <class MakeParser>
void check_every_cut(const std::string& message, MakeParser make_parser) {
    auto whole = make_parser();
    const Outcome expected = parse_cut(whole, message, {});
    const std::vector<std::size_t> cuts = cuts_of(message);
    for (const std::size_t cut : cuts) {
        auto parser = make_parser();
        if (parse_cut(parser, message, {cut}) == expected) continue;
        CAPTURE(message, cut);
        FAIL_CHECK("a cut changes what the parser says");
    }
    auto parser = make_parser();
    CAPTURE(message);
    CHECK(parse_cut(parser, message, cuts).said == expected.said);
}

struct Body {
    ParseStatus status;
    std::string content;
    std::size_t consumed = 0;
    int error_status = 0;

    bool operator==(const Body& other) const {
        return status == other.status && consumed == other.consumed &&
               error_status == other.error_status &&
               (status == ParseStatus::failed || content == other.content);
    }
};

Body decode_cut(std::string_view bytes, const std::vector<std::size_t>& cuts) {
    BodyDecoder decoder;
    decoder.start(Framing::chunked, 0, 1000);
    Body body{ParseStatus::need_more, {}};
    std::vector<std::size_t> ends = cuts;
    ends.push_back(bytes.size());
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
        if (body.status != ParseStatus::need_more) break;
        const ExactBuffer part(bytes.substr(begin, end - begin));
        std::size_t consumed = 0;
        body.status = decoder.feed(part.view(), &body.content, consumed);
        body.consumed += consumed;
        begin = end;
    }
    body.error_status = decoder.error_status();
    return body;
}

}  // namespace

TEST_CASE("a request cut anywhere parses the same", "[base][http][request][split]") {
    std::vector<std::string> messages = corpus("request");
    for (auto& refused : refused_requests()) messages.push_back(std::move(refused.text));
    for (const std::string& message : messages) {
        check_every_cut(message, [] { return RequestParser(split_limits); });
    }
}

TEST_CASE("a request says the same whatever came before it", "[base][http][request]") {
    std::vector<std::string> messages = corpus("request");
    messages.push_back(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    messages.push_back("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    for (auto& refused : refused_requests()) messages.push_back(std::move(refused.text));
    std::vector<Outcome> alone;
    for (const std::string& message : messages) {
        RequestParser parser(split_limits);
        alone.push_back(parse_cut(parser, message, {}));
    }
    RequestParser parser(split_limits);
    for (const std::string& before : messages) {
        for (std::size_t after = 0; after < messages.size(); ++after) {
            parser.reset();
            parse_cut(parser, before, {before.size() / 2});
            parser.reset();
            if (parse_cut(parser, messages[after], {}) == alone[after]) continue;
            CAPTURE(before, messages[after]);
            FAIL_CHECK("the request before it shows through");
        }
    }
}

TEST_CASE("a response says the same whatever came before it", "[base][http][response]") {
    const std::vector<std::string> messages = corpus("response");
    ResponseParser parser(split_limits);
    for (const std::string& before : messages) {
        for (const std::string& after : messages) {
            ResponseParser fresh(split_limits);
            fresh.reset(Method::get);
            parser.reset(Method::head);
            parse_cut(parser, before, {before.size() / 2});
            parser.reset(Method::get);
            CAPTURE(before, after);
            CHECK(parse_cut(parser, after, {}) == parse_cut(fresh, after, {}));
        }
    }
}

TEST_CASE("a response cut anywhere parses the same", "[base][http][response][split]") {
    for (const std::string& message : corpus("response")) {
        for (const Method method : {Method::get, Method::head}) {
            check_every_cut(message, [method] {
                ResponseParser parser(split_limits);
                parser.reset(method);
                return parser;
            });
        }
    }
}

TEST_CASE("a chunked body cut anywhere decodes the same", "[base][http][body][split]") {
    for (const std::string& bytes : corpus("body")) {
        const Body expected = decode_cut(bytes, {});
        CAPTURE(bytes);
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
            CHECK(decode_cut(bytes, {cut}) == expected);
        std::vector<std::size_t> everywhere(bytes.size());
        std::iota(everywhere.begin(), everywhere.end(), std::size_t{0});
        CHECK(decode_cut(bytes, everywhere) == expected);
    }
}
