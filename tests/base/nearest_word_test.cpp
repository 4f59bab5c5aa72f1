#include "base/nearest_word.hpp"

#include <vector>

#include "tests/support/catch.hpp"

using namespace qck;

TEST_CASE("edits are counted, and neighbours that changed places are one", "[base]") {
    CHECK(edits_between("", "") == 0);
    CHECK(edits_between("abc", "") == 3);
    CHECK(edits_between("rate", "rtae") == 1);
    CHECK(edits_between("constnt", "constant") == 1);
    CHECK(edits_between("kitten", "sitting") == 3);
}

TEST_CASE("a slip leads to the word that was meant, and another word to none", "[base]") {
    const std::vector<std::string> words{"search", "constant", "run", "ruin"};
    CHECK(nearest_word("constnt", words) == "constant");
    CHECK(nearest_word("rnu", words) == "run");
    CHECK(nearest_word("serve", words).empty());
    CHECK(nearest_word("", words).empty());
    CHECK(nearest_word(std::string(65, 'a'), words).empty());
    CHECK(nearest_word("run", std::vector<std::string>{}).empty());
}
