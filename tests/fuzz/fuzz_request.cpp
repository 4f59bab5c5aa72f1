// Any bytes, as requests one after another: the parser reads nothing outside them, says the same
// however they are cut, and hands out only views into them.

#include <cstdlib>

#include "base/http/host.hpp"
#include "tests/base/http/parse_outcome.hpp"

using namespace qck::http;
using namespace qck::http::test;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_views(const RequestHead& head, std::string_view message) {
    const auto is_inside = [message](std::string_view view) {
        return view.empty() || (view.data() >= message.data() &&
                                view.data() + view.size() <= message.data() + message.size());
    };
    for (const std::string_view view :
         {head.host, head.user_agent, head.referer, head.purpose, head.authorization,
          head.content_type, head.content_encoding, head.accept, head.forwarded_for}) {
        require(is_inside(view));
        require(view.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    }
    require(head.target == "*" || head.target.starts_with('/'));
    require(head.version_minor == 0 || !head.host.empty());
    require(head.content_length == 0 || head.framing == Framing::content_length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Limits limits;
    limits.target_bytes_max = 200;  // within reach of the fuzzer
    limits.head_bytes_max = 1000;
    limits.headers_max = 10;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    RequestParser whole(limits);
    while (!rest.empty()) {
        whole.reset();  // as a session does; the others are fresh
        const ExactBuffer buffer(rest);
        const ParseStatus status = whole.parse(buffer.view());
        const Outcome expected = outcome_of(whole, status);
        if (status == ParseStatus::complete) check_views(whole.head(), buffer.view());

        RequestParser byte_by_byte(limits);
        std::vector<std::size_t> cuts;
        for (std::size_t cut = 0; cut < rest.size() && cut <= limits.head_bytes_max; ++cut)
            cuts.push_back(cut);
        require(parse_cut(byte_by_byte, rest, cuts) == expected);
        RequestParser halves(limits);
        require(parse_cut(halves, rest, {static_cast<unsigned char>(rest.front()) % rest.size()}) ==
                expected);

        if (status != ParseStatus::complete) break;
        require(whole.head_bytes() > 0 && whole.head_bytes() <= limits.head_bytes_max);
        rest.remove_prefix(whole.head_bytes());
    }
    return 0;
}
