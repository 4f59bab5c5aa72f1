#include "services/clicks/country_code.hpp"

#include <array>
#include <cstddef>

namespace qck::clicks {
namespace {

// ISO 3166-1 alpha-2, officially assigned; two letters each.
constexpr std::string_view codes =
    "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBE"
    "BFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCD"
    "CFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDM"
    "DODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGF"
    "GGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHU"
    "IDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKN"
    "KPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDME"
    "MFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNA"
    "NCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPM"
    "PNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSI"
    "SJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTK"
    "TLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVI"
    "VNVUWFWSYEYTZAZMZW";
static_assert(codes.size() == 2 * 249);

/// The byte of each pair of letters.
constexpr std::array<std::uint8_t, 26 * 26> byte_of = [] {
    std::array<std::uint8_t, 26 * 26> bytes{};
    for (std::size_t n = 0; n < codes.size() / 2; ++n) {
        const auto first = static_cast<std::size_t>(codes[2 * n] - 'A');
        const auto second = static_cast<std::size_t>(codes[2 * n + 1] - 'A');
        bytes[26 * first + second] = static_cast<std::uint8_t>(n + 1);
    }
    return bytes;
}();

}  // namespace

std::uint8_t country_code(std::string_view text) noexcept {
    if (text.size() != 2) return 0;
    const auto first = static_cast<unsigned>((text[0] & 0xDF) - 'A');
    const auto second = static_cast<unsigned>((text[1] & 0xDF) - 'A');
    return first < 26 && second < 26 ? byte_of[26 * first + second] : std::uint8_t{0};
}

std::string_view country_name(std::uint8_t code) noexcept {
    if (code == 0 || code > codes.size() / 2) return {};
    return codes.substr(2 * (code - std::size_t{1}), 2);
}

}  // namespace qck::clicks
