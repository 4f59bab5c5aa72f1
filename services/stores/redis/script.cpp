#include "services/stores/redis/script.hpp"

#include <openssl/evp.h>

#include <array>

namespace qck::redis {

Script::Script(std::string_view source) : source_(source) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned bytes = 0;
    EVP_Digest(source.data(), source.size(), digest.data(), &bytes, EVP_sha1(), nullptr);
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned i = 0; i < bytes; ++i) {
        sha1_hex_ += digits[digest[i] >> 4];
        sha1_hex_ += digits[digest[i] & 15];
    }
}

Command Script::by_hash(std::size_t keys) const {
    return Command("EVALSHA").arg(sha1_hex_).arg(keys);
}

Command Script::by_source(std::size_t keys) const { return Command("EVAL").arg(source_).arg(keys); }

}  // namespace qck::redis
