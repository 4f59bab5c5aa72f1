#include <algorithm>
#include <map>
#include <utility>

#include "base/clock.hpp"
#include "services/stores/postgres/link_changes.hpp"
#include "services/stores/postgres/link_rows.hpp"
#include "services/stores/postgres/postgres_link_outbox.hpp"

namespace qck::postgres {
namespace {

/// A link of the transaction, locked, as it is after the alterations so far.
struct Held {
    links::Link link;
    bool changed = false;
    bool removed = false;
};
using HeldLinks = std::map<std::string, Held, std::less<>>;

Result<HeldLinks> hold(Transaction& transaction, std::span<Alteration* const> alterations) {
    ArrayText codes;
    for (const auto* alteration : alterations) {
        if (may_be_a_code(alteration->code)) codes.add(std::string_view(alteration->code));
    }
    const auto rows = transaction.query("SELECT " QCK_LINK_COLUMNS
                                        " FROM links WHERE short_code = ANY($1::text[])"
                                        " ORDER BY id FOR UPDATE",
                                        Parameters().add(codes));
    if (!rows) return rows.error();
    HeldLinks held;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        auto link = link_of(*rows, row);
        held[link.code].link = std::move(link);
    }
    return held;
}

Result<links::Link> altered(Held& held, const Alteration& alteration) {
    auto& link = held.link;
    const auto& patch = alteration.patch;
    if (patch && patch->if_version && *patch->if_version != link.version) {
        return error(Errc::conflict, "link \"" + link.code + "\" has version " +
                                         std::to_string(link.version) + ", not " +
                                         std::to_string(*patch->if_version) +
                                         " (read it again, then edit)");
    }
    if (patch) {
        if (patch->target) link.target = *patch->target;
        if (patch->status) link.status = *patch->status;
        if (patch->max_age_s) link.max_age_s = *patch->max_age_s;
        if (patch->expires_at_ms) link.expires_at_ms = *patch->expires_at_ms;
        held.changed = true;
    } else {
        held.removed = true;
    }
    ++link.version;
    link.updated_at_ms = std::max(wall_ms(), link.updated_at_ms);
    return link;
}

Result<void> write_changed(Transaction& transaction, const HeldLinks& held) {
    ArrayText ids, targets, statuses, max_ages, expiries, versions, updated;
    bool any = false;
    for (const auto& [code, entry] : held) {
        if (!entry.changed || entry.removed) continue;
        any = true;
        const auto& link = entry.link;
        ids.add(link.id);
        targets.add(std::string_view(link.target));
        statuses.add(static_cast<std::int64_t>(link.status));
        max_ages.add(link.max_age_s);
        expiries.add(link.expires_at_ms);
        versions.add(link.version);
        updated.add(link.updated_at_ms);
    }
    if (!any) return {};
    Parameters parameters;
    for (const auto* column :
         {&ids, &targets, &statuses, &max_ages, &expiries, &versions, &updated}) {
        parameters.add(*column);
    }
    const auto done = transaction.query(
        "UPDATE links SET target_url = u.target, status = u.status, max_age = u.max_age,"
        " expires_at = " QCK_TIME_OF("u.expires") ", version = u.version,"
        " updated_at = " QCK_TIME_OF("u.updated")
        " FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[],"
        " $6::bigint[], $7::bigint[]) AS u(id, target, status, max_age, expires, version, updated)"
        " WHERE links.id = u.id",
        parameters);
    if (!done) return done.error();
    return {};
}

Result<void> bury_removed(Transaction& transaction, const HeldLinks& held) {
    ArrayText ids, codes, versions, removed;
    bool any = false;
    for (const auto& [code, entry] : held) {
        if (!entry.removed) continue;
        any = true;
        ids.add(entry.link.id);
        codes.add(std::string_view(code));
        versions.add(entry.link.version);
        removed.add(entry.link.updated_at_ms);
    }
    if (!any) return {};
    const auto gone =
        transaction.query("DELETE FROM links WHERE id = ANY($1::bigint[])", Parameters().add(ids));
    if (!gone) return gone.error();
    Parameters parameters;
    for (const auto* column : {&ids, &codes, &versions, &removed}) parameters.add(*column);
    const auto buried = transaction.query(
        "INSERT INTO link_tombstones(id, short_code, version, removed_at)"
        " SELECT u.id, u.code, u.version, " QCK_TIME_OF("u.removed")
        " FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])"
        " AS u(id, code, version, removed) ORDER BY u.code COLLATE \"C\""
        " ON CONFLICT (short_code) DO UPDATE SET id = excluded.id,"
        " version = greatest(link_tombstones.version, excluded.version),"
        " removed_at = excluded.removed_at",
        parameters);
    if (!buried) return buried.error();
    return {};
}

Result<void> note_held(Transaction& transaction, const HeldLinks& held) {
    ArrayText codes, versions;
    bool any = false;
    for (const auto& [code, entry] : held) {
        if (!entry.changed && !entry.removed) continue;
        any = true;
        codes.add(std::string_view(code));
        versions.add(entry.link.version);
    }
    return any ? note_changes(transaction, codes, versions) : Result<void>();
}

}  // namespace

Alteration::Alteration(std::string which, std::optional<links::LinkPatch> how,
                       links::LinkWriter::Changed then)
    : code(std::move(which)), patch(std::move(how)), done(std::move(then)), result(links::Link{}) {}

Result<void> alter(Transaction& transaction, std::span<Alteration* const> alterations, Note note) {
    auto held = hold(transaction, alterations);
    if (!held) return held.error();
    for (auto* alteration : alterations) {
        const auto found = held->find(alteration->code);
        if (found == held->end() || found->second.removed) {
            alteration->result = links::no_such_link(alteration->code);
        } else {
            alteration->result = altered(found->second, *alteration);
        }
    }
    if (auto done = write_changed(transaction, *held); !done) return done;
    if (auto done = bury_removed(transaction, *held); !done) return done;
    return note == Note::changes ? note_held(transaction, *held) : Result<void>();
}

Result<void> prune_tombstones(Transaction& transaction) {
    const auto done = transaction.execute(
        "DELETE FROM link_tombstones WHERE short_code IN (SELECT short_code FROM link_tombstones"
        " WHERE removed_at < now() - interval '30 days' ORDER BY removed_at LIMIT 10000"
        " FOR UPDATE SKIP LOCKED)");
    if (!done) return done.error();
    return {};
}

}  // namespace qck::postgres
