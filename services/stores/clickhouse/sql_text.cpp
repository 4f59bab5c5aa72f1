#include "services/stores/clickhouse/sql_text.hpp"

namespace qck::clickhouse {

std::string sql_quoted(std::string_view text) {
    std::string out = "'";
    for (const char byte : text) {
        if (byte == '\'' || byte == '\\') out += '\\';
        if (byte == '\0') {
            out += "\\0";
        } else {
            out += byte;
        }
    }
    return out + "'";
}

std::string sql(std::string_view text, std::initializer_list<SqlValue> values) {
    std::string out;
    const auto* value = values.begin();
    for (const char byte : text) {
        if (byte == '?' && value != values.end()) {
            out += (value++)->sql();
        } else {
            out += byte;
        }
    }
    return out;
}

}  // namespace qck::clickhouse
