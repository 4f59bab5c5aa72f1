// Writes links as `qck links import` reads them: links_fixture 1000000 > links.csv. Code n is f and
// n in base 36, so that a load generator can compute it too.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char* argv[]) {
    const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
    std::puts("code,url,status,max_age,expires_at");
    for (std::uint64_t n = 0; n < count; ++n) {
        std::string digits;
        for (auto rest = n; digits.empty() || rest != 0; rest /= 36) {
            digits.insert(digits.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36]);
        }
        std::printf("f%s,https://shop.example/articles/%llu?utm_source=newsletter,302,,\n",
                    digits.c_str(), static_cast<unsigned long long>(n));
    }
}
