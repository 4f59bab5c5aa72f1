// Any bytes, as the response to a GET and to a HEAD: the parser reads nothing outside them, says
// the same however they are cut, and hands out only views into them.

#include <cstdlib>

#include "tests/base/http/parse_outcome.hpp"

using namespace qck::http;
using namespace qck::http::test;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check(std::string_view message, Method method) {
    Limits limits;
    limits.head_bytes_max = 1000;  // within reach of the fuzzer
    limits.headers_max = 10;
    const auto make_parser = [&] {
        ResponseParser parser(limits);
        parser.reset(method);
        return parser;
    };
    ResponseParser whole = make_parser();
    const ExactBuffer buffer(message);
    const ParseStatus status = whole.parse(buffer.view());
    const Outcome expected = outcome_of(whole, status);
    if (status == ParseStatus::complete) {
        const ResponseHead& head = whole.head();
        require(head.status >= 200 && head.status <= 999);
        require(head.content_length == 0 || head.framing == Framing::content_length);
        require(method != Method::head || head.framing == Framing::none);
        require(head.framing != Framing::until_close || !head.keep_alive);
        for (const std::string_view view : {head.location, head.content_type, head.retry_after}) {
            require(view.empty() ||
                    (view.data() >= buffer.view().data() &&
                     view.data() + view.size() <= buffer.view().data() + whole.head_bytes()));
        }
    }
    ResponseParser byte_by_byte = make_parser();
    std::vector<std::size_t> cuts;
    for (std::size_t cut = 0; cut < message.size() && cut <= limits.head_bytes_max; ++cut)
        cuts.push_back(cut);
    require(parse_cut(byte_by_byte, message, cuts) == expected);
    ResponseParser halves = make_parser();
    require(parse_cut(halves, message, {message.size() / 2}) == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    check(message, Method::get);
    check(message, Method::head);
    return 0;
}
