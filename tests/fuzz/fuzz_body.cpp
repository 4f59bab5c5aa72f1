// Any bytes, as a chunked body: the decoder says the same however they are cut, and keeps no more
// than it may.

#include <cstdlib>
#include <string>

#include "base/http/body_decoder.hpp"
#include "tests/base/http/parse_outcome.hpp"

using namespace qck::http;

namespace {

constexpr std::uint64_t body_bytes_max = 500;  // within reach of the fuzzer

void require(bool holds) {
    if (!holds) std::abort();
}

struct Decoded {
    ParseStatus status = ParseStatus::need_more;
    std::string content;
    std::size_t consumed = 0;
    int error_status = 0;
};

Decoded decode(std::string_view bytes, std::size_t step) {
    BodyDecoder decoder;
    decoder.start(Framing::chunked, 0, body_bytes_max);
    Decoded decoded;
    for (std::size_t at = 0; at < bytes.size() && decoded.status == ParseStatus::need_more;
         at += step) {
        const test::ExactBuffer part(bytes.substr(at, step));
        std::size_t consumed = 0;
        decoded.status = decoder.feed(part.view(), &decoded.content, consumed);
        require(consumed <= part.view().size());
        require(decoded.status != ParseStatus::need_more || consumed == part.view().size());
        decoded.consumed += consumed;
    }
    decoded.error_status = decoder.error_status();
    require(decoded.content.size() == decoder.body_bytes() &&
            decoded.content.size() <= body_bytes_max);
    return decoded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.empty()) return 0;
    const Decoded whole = decode(bytes, bytes.size());
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, bytes.size() / 2 + 1}) {
        const Decoded cut = decode(bytes, step);
        require(cut.status == whole.status && cut.consumed == whole.consumed &&
                cut.error_status == whole.error_status);
        require(cut.content == whole.content);
    }
    return 0;
}
