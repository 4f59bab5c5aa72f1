#include "cli/commands/link_records.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/commands/bounded_line.hpp"
#include "cli/commands/csv_reader.hpp"

namespace qck::commands {
namespace {

constexpr std::string_view expected_columns = "code, url, status, max_age, expires_at";
constexpr std::size_t line_bytes_max = CsvReader::record_bytes_max;

Error wrong(std::string message) { return error(Errc::invalid_argument, std::move(message)); }

bool is_number_field(std::string_view name) { return name == "status" || name == "max_age"; }

/// JSON text of a string. Bytes that are no UTF-8 are replaced by the mark for that, which no link
/// may hold.
std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class CsvRecords : public RecordReader {
public:
    explicit CsvRecords(std::istream& input) : csv_(input) {}

    Result<bool> next(std::string& json) override {
        if (columns_.empty()) {
            if (auto good = read_header(); !good) return good.error();
        }
        const auto more = csv_.next(cells_);
        if (!more || !*more) return more;
        if (cells_.size() != columns_.size()) {
            return wrong(std::to_string(cells_.size()) + " cells where the header names " +
                         std::to_string(columns_.size()));
        }
        json = "{";
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (cells_[i].empty()) continue;
            if (auto good = append_field(json, columns_[i], cells_[i]); !good) return good.error();
        }
        if (json.size() > 1) json.pop_back();
        json += '}';
        return true;
    }
    std::uint64_t line() const override { return csv_.line(); }

private:
    Result<void> read_header() {
        const auto more = csv_.next(cells_);
        if (!more) return more.error();
        if (!*more) {
            return wrong("the file is empty: expected a header row with columns of " +
                         std::string(expected_columns));
        }
        for (const auto& name : cells_) {
            const auto known = std::find(record_fields.begin(), record_fields.end(), name);
            if (known == record_fields.end()) {
                return wrong("unknown column " + quoted(name.substr(0, 64)) +
                             ": expected columns of " + std::string(expected_columns));
            }
            if (std::find(columns_.begin(), columns_.end(), *known) != columns_.end()) {
                return wrong("column " + quoted(name) + " appears twice");
            }
            columns_.push_back(*known);
        }
        if (std::find(columns_.begin(), columns_.end(), "url") == columns_.end()) {
            return wrong("the header row names no column \"url\"");
        }
        return {};
    }

    static Result<void> append_field(std::string& json, std::string_view name,
                                     const std::string& cell) {
        json.append("\"").append(name).append("\":");
        if (is_number_field(name)) {
            std::int64_t number = 0;
            const auto end = cell.data() + cell.size();
            const auto parsed = std::from_chars(cell.data(), end, number);
            if (parsed.ec != std::errc{} || parsed.ptr != end) {
                return wrong(std::string(name) + " " + quoted(cell.substr(0, 64)) +
                             " refused: expected a whole number");
            }
            json += std::to_string(number);
        } else {
            json += quoted(cell);
        }
        json += ',';
        return {};
    }

    CsvReader csv_;
    std::vector<std::string_view> columns_;
    std::vector<std::string> cells_;
};

class NdjsonRecords : public RecordReader {
public:
    explicit NdjsonRecords(std::istream& input) : input_(input) {}

    Result<bool> next(std::string& json) override {
        for (;;) {
            const LineRead read = read_line(input_, line_bytes_max, json);
            if (read == LineRead::end) return false;
            ++line_;
            if (read == LineRead::too_long) return wrong("a line longer than 64 KB");
            if (json.find_first_not_of(" \t\r") != std::string::npos) return true;
        }
    }
    std::uint64_t line() const override { return line_; }

private:
    std::istream& input_;
    std::uint64_t line_ = 0;
};

/// A cell as RFC 4180 wants it: quoted when it holds a comma, a quote or a line end.
void append_cell(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out.append(text);
        return;
    }
    out += '"';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

}  // namespace

Result<RecordFormat> parse_record_format(std::string_view text) {
    if (text == "csv") return RecordFormat::csv;
    if (text == "ndjson") return RecordFormat::ndjson;
    return wrong("'" + std::string(text) + "' is not a format (csv or ndjson)");
}

std::optional<RecordFormat> record_format_of(std::string_view file_name) {
    if (file_name.ends_with(".csv")) return RecordFormat::csv;
    if (file_name.ends_with(".ndjson") || file_name.ends_with(".jsonl")) {
        return RecordFormat::ndjson;
    }
    return std::nullopt;
}

std::unique_ptr<RecordReader> record_reader(RecordFormat format, std::istream& input) {
    if (format == RecordFormat::csv) return std::make_unique<CsvRecords>(input);
    return std::make_unique<NdjsonRecords>(input);
}

std::string record_header(RecordFormat format) {
    if (format == RecordFormat::ndjson) return {};
    std::string header;
    for (const auto name : record_fields) header.append(name).append(",");
    header.back() = '\n';
    return header;
}

Result<void> append_record(RecordFormat format, std::string& out, const nlohmann::json& link) {
    out += format == RecordFormat::ndjson ? "{" : "";
    for (const auto name : record_fields) {
        const auto field = link.find(name);
        if (field == link.end()) {
            return error(Errc::internal, "the service sent a link without " + std::string(name));
        }
        if (format == RecordFormat::ndjson) {
            if (field->is_null()) continue;
            out.append("\"").append(name).append("\":").append(field->dump()).append(",");
        } else {
            if (field->is_string()) append_cell(out, field->get_ref<const std::string&>());
            if (field->is_number()) out += field->dump();
            out += ',';
        }
    }
    out.back() = format == RecordFormat::ndjson ? '}' : '\n';
    if (format == RecordFormat::ndjson) out += '\n';
    return {};
}

}  // namespace qck::commands
