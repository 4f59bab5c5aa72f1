#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "services/links/code_generator.hpp"
#include "services/links/link_writer.hpp"
#include "services/stores/postgres/connection.hpp"

namespace qck::postgres {

/// Contract: LinkWriter::create_later.
struct Creation {
    Creation(std::vector<links::Link> wanted, links::OnConflict what_then,
             links::LinkWriter::Created then);

    /// Has to have a transaction without others.
    bool stands_alone() const { return on_conflict == links::OnConflict::stop && links.size() > 1; }

    struct Item {
        links::Link link;
        bool id_given = false;
        bool code_given = false;
        bool stored = false;
    };
    std::vector<Item> links;
    links::OnConflict on_conflict;
    links::LinkWriter::Created done;
    std::size_t answered = 0;  ///< of `links`, from the first: what comes after is not stored
};

/// An edit, or without a patch a removal. Contract: LinkWriter::update_later and remove_later.
struct Alteration {
    Alteration(std::string which, std::optional<links::LinkPatch> how,
               links::LinkWriter::Changed then);

    std::string code;
    std::optional<links::LinkPatch> patch;
    links::LinkWriter::Changed done;
    Result<links::Link> result;
};

using Change = std::variant<Creation, Alteration>;

/// Where new ids and codes come from. Not thread-safe.
class LinkNames {
public:
    /// `greatest_id`: of all that were ever given.
    LinkNames(std::uint16_t node, std::uint64_t greatest_id) : last_id_(greatest_id) {
        ids_.emplace(node, greatest_id);
    }

    std::uint64_t next_id() { return last_id_ = ids_->next(); }
    std::string next_code() { return codes_.next(); }
    /// Somebody gives the same ids: goes on under another node number, chosen by chance. Without,
    /// two instances whose clocks agree would collide at each id.
    void leave_node();

private:
    std::optional<links::SnowflakeIds> ids_;
    std::uint64_t last_id_;
    links::RandomCodes codes_;
};

/// Whether changes of codes that existed are noted for PostgresLinkOutbox.
enum class Note : std::uint8_t { nothing, changes };

/// Stores the links of several creations by one INSERT, and what lost its id or its generated code
/// to another instance by further ones. Rows are inserted in the order of their codes and
/// ids, so that instances seldom wait for each other in a circle. May be called again after a
/// rollback.
Result<void> store(Transaction& transaction, std::span<Creation* const> creations, LinkNames& names,
                   Note note = Note::nothing);

/// Edits and removes in the order given, with four statements (five with notes) for however many.
/// Locks rows in the order of their ids, as PostgresTotalSink does. May be called again after a
/// rollback.
Result<void> alter(Transaction& transaction, std::span<Alteration* const> alterations,
                   Note note = Note::nothing);

/// Forgets tombstones of more than 30 days ago, 10,000 at most: every cache forgot their links long
/// before.
Result<void> prune_tombstones(Transaction& transaction);

/// The greatest id that was ever used for a link.
Result<std::uint64_t> greatest_id(Transaction& transaction);

}  // namespace qck::postgres
