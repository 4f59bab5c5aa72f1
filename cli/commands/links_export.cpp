#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "base/whole_file.hpp"
#include "cli/commands/links_import.hpp"

namespace qck::commands {
namespace {

constexpr const char* first_page = "/v1/links?limit=1000";

/// Writes page after page; gives the number of links.
Result<std::uint64_t> export_pages(client::RestClient client, RecordFormat format,
                                   WholeFile& file) {
    std::string out = record_header(format);
    std::string target = first_page;
    std::uint64_t count = 0;
    while (true) {
        const auto answer = client.call("GET", target);
        if (!answer) return answer.error();
        const auto page = nlohmann::json::parse(answer->body, nullptr, false);
        if (!page.is_object() || !page.contains("links") || !page.contains("next")) {
            return error(Errc::unavailable, "the service's answer is no page of links");
        }
        for (const auto& link : page["links"]) {
            if (auto done = append_record(format, out, link); !done) return done.error();
            ++count;
        }
        if (auto done = file.write(out); !done) return done.error();
        out.clear();
        if (!page["next"].is_string()) return count;
        // A code needs no escaping in a query.
        target = std::string(first_page) + "&after=" + page["next"].get<std::string>();
    }
}

}  // namespace

Exit run_export(const LinksConnection& connection, const ExportOptions& options) {
    const bool to_stdout = options.file.empty() || options.file == "-";
    const auto by_name = record_format_of(options.file);
    const auto format = options.format.value_or(by_name.value_or(RecordFormat::csv));
    auto file = to_stdout ? WholeFile::standard_output() : WholeFile::create(options.file);
    if (!file) return links_failed("export", file.error());
    const auto count = export_pages(connection.open("export"), format, *file);
    if (!count) return links_failed("export", count.error());
    if (auto done = file->finish(); !done) return links_failed("export", done.error());
    if (to_stdout) return Exit::good;
    if (connection.json) {
        std::printf("{\"exported\":%llu}\n", static_cast<unsigned long long>(*count));
    } else {
        std::printf("exported %s %s to %s\n", format_count(*count).c_str(),
                    *count == 1 ? "link" : "links", options.file.c_str());
    }
    return Exit::good;
}

}  // namespace qck::commands
