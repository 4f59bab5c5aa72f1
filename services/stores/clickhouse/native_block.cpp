#include "services/stores/clickhouse/native_block.hpp"

namespace qck::clickhouse {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
}

void append_string(std::string& out, std::string_view text) {
    append_varint(out, text.size());
    out += text;
}

}  // namespace

NativeBlock::NativeBlock(std::string& out, std::size_t columns, std::size_t rows) : bytes_(out) {
    append_varint(bytes_, columns);
    append_varint(bytes_, rows);
}

void NativeBlock::begin_column(std::string_view name, std::string_view type) {
    append_string(bytes_, name);
    append_string(bytes_, type);
}

char* NativeBlock::grow(std::size_t bytes) {
    const std::size_t before = bytes_.size();
    bytes_.resize(before + bytes);
    return bytes_.data() + before;
}

void TextTable::add(std::string_view text) {
    append_string(bytes_, text);
    ends_.push_back(bytes_.size());
}

}  // namespace qck::clickhouse
