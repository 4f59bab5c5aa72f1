#include "cli/commands/csv_reader.hpp"

namespace qck::commands {
namespace {

constexpr int end_of_file = std::char_traits<char>::eof();

Error malformed(const char* why) { return error(Errc::invalid_argument, why); }

}  // namespace

int CsvReader::take() {
    const int c = input_.sbumpc();
    if (c == '\n') ++line_;
    ++record_bytes_;
    return c;
}

Result<bool> CsvReader::next(std::vector<std::string>& cells) {
    int c = 0;
    do {
        record_line_ = line_;
        record_bytes_ = 0;
        c = take();
        if (at_start_ && c == 0xef) {
            if (take() != 0xbb || take() != 0xbf) return malformed("the file is not UTF-8");
            c = take();
        }
        at_start_ = false;
        if (c == '\r' && input_.sgetc() == '\n') c = take();
    } while (c == '\n');
    if (c == end_of_file) return false;
    if (auto read = read_record(cells, c); !read) return read.error();
    return true;
}

Result<void> CsvReader::read_record(std::vector<std::string>& cells, int first) {
    std::size_t count = 0;
    for (int c = first;; c = take()) {
        if (cells.size() == count) cells.emplace_back();
        std::string& cell = cells[count++];
        cell.clear();
        if (c == '"') {
            const auto after = read_quoted(cell);
            if (!after) return after.error();
            c = *after;
        } else {
            while (c != ',' && c != '\n' && c != '\r' && c != end_of_file) {
                if (c == '"') return malformed("a quote inside an unquoted cell (RFC 4180)");
                if (record_bytes_ > record_bytes_max)
                    return malformed("a record longer than 64 KB");
                cell += static_cast<char>(c);
                c = take();
            }
        }
        if (c == ',') continue;
        if (c == '\r' && take() != '\n') return malformed("a carriage return without a line feed");
        cells.resize(count);
        return {};
    }
}

Result<int> CsvReader::read_quoted(std::string& cell) {
    while (true) {
        int c = take();
        if (c == end_of_file) return malformed("a quote is opened and never closed");
        if (record_bytes_ > record_bytes_max) return malformed("a record longer than 64 KB");
        if (c == '"') {
            c = take();
            if (c == ',' || c == '\n' || c == '\r' || c == end_of_file) return c;
            if (c != '"') return malformed("text between a closing quote and the next comma");
        }
        cell += static_cast<char>(c);
    }
}

}  // namespace qck::commands
