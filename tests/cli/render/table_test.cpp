#include "cli/render/table.hpp"

#include "tests/support/catch.hpp"

using qck::render::Table;

TEST_CASE("columns are as wide as their widest cell, numbers to the right", "[cli][table]") {
    Table table({{"CODE"}, {"CLICKS", Table::Align::right}, {"NOTE"}});
    table.add({"viral", "1,000", ""});
    table.add({"a", "7", "caf\xc3\xa9"});
    CHECK(table.text() ==
          "CODE   CLICKS  NOTE\n"
          "viral   1,000\n"
          "a           7  caf\xc3\xa9\n");
}

TEST_CASE("a table that is too wide cuts the columns that may shrink", "[cli][table]") {
    Table table({{"CODE"}, {"TARGET", Table::Align::left, true}, {"S"}});
    table.add({"abc", "https://example.com/a/long/path", "1"});
    CHECK(table.text(24) ==
          "CODE  TARGET           S\n"
          "abc   https://exam...  1\n");
    CHECK(table.text(80) == table.text());
    // Not below a readable width, whatever is asked for.
    CHECK(table.text(3) ==
          "CODE  TARGET    S\n"
          "abc   https...  1\n");
}

TEST_CASE("characters of several bytes are cut whole", "[cli][table]") {
    Table table({{"T", Table::Align::left, true}});
    table.add({"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"});
    CHECK(table.text(8) == "T\n\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9...\n");
}
