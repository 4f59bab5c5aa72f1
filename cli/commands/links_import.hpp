#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/commands/command.hpp"
#include "cli/commands/link_records.hpp"
#include "cli/commands/links_connection.hpp"

namespace qck::commands {

struct ImportOptions {
    std::string file;  ///< `-` is stdin
    std::optional<RecordFormat> format;
    /// Records that begin before this line are skipped: where an import that stopped goes on.
    std::uint64_t from_line = 1;
    bool keep_expired = false;
};

/// Creates the links of a file in its order, through batches that stop at the first line refused.
/// So after an error every line before it is stored, and none from it on.
Exit run_import(const LinksConnection& connection, const ImportOptions& options);

struct ExportOptions {
    std::string file;  ///< empty: stdout
    std::optional<RecordFormat> format;
};

/// Writes all links, ascending by code, as run_import() reads them. A file appears whole or not at
/// all.
Exit run_export(const LinksConnection& connection, const ExportOptions& options);

}  // namespace qck::commands
