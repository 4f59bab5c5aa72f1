#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "services/stores/postgres/link_changes.hpp"
#include "services/stores/postgres/link_rows.hpp"
#include "services/stores/postgres/postgres_link_outbox.hpp"

namespace qck::postgres {
namespace {

using Item = Creation::Item;

/// One try in millions fails; so many in a row mean that something else is wrong.
constexpr int tries_max = 20;

constexpr const char* insert_links =
    "INSERT INTO links(id, short_code, target_url, status, max_age, expires_at, created_at,"
    " updated_at) SELECT u.id, u.code, u.target, u.status, u.max_age, " QCK_TIME_OF(
        "u.expires") ", " QCK_TIME_OF("u.created") ", " QCK_TIME_OF("u.updated")
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::smallint[], $5::bigint[],"
    " $6::bigint[], $7::bigint[], $8::bigint[]) WITH ORDINALITY"
    " AS u(id, code, target, status, max_age, expires, created, updated, place)"
    " ORDER BY u.place ON CONFLICT DO NOTHING RETURNING id, short_code";

Parameters rows_of(const std::vector<Item*>& items) {
    ArrayText ids, codes, targets, statuses, max_ages, expiries, created, updated;
    for (const auto* item : items) {
        const auto& link = item->link;
        ids.add(link.id);
        codes.add(std::string_view(link.code));
        targets.add(std::string_view(link.target));
        statuses.add(static_cast<std::int64_t>(link.status));
        max_ages.add(link.max_age_s);
        expiries.add(link.expires_at_ms);
        created.add(link.created_at_ms);
        updated.add(link.updated_at_ms);
    }
    Parameters parameters;
    for (const auto* column :
         {&ids, &codes, &targets, &statuses, &max_ages, &expiries, &created, &updated}) {
        parameters.add(*column);
    }
    return parameters;
}

/// Gives ids and codes to those that have none, so that both ascend in the order of insertion.
void name_in_order(std::vector<Item*>& items, LinkNames& names) {
    for (auto* item : items) {
        if (!item->code_given) item->link.code = names.next_code();
    }
    std::stable_sort(items.begin(), items.end(), [](const Item* left, const Item* right) {
        return left->link.code < right->link.code;
    });
    for (auto* item : items) {
        if (!item->id_given) item->link.id = names.next_id();
    }
}

/// Marks those that could be inserted.
Result<void> insert(Transaction& transaction, const std::vector<Item*>& items) {
    const auto rows = transaction.query(insert_links, rows_of(items));
    if (!rows) return rows.error();
    std::map<std::pair<std::uint64_t, std::string_view>, Item*> by_name;
    for (auto* item : items) by_name.try_emplace({item->link.id, item->link.code}, item);
    for (std::size_t row = 0; row < rows->size(); ++row) {
        by_name.at({rows->number(row, 0), rows->text(row, 1)})->stored = true;
    }
    return {};
}

/// Of items that could not be inserted, those that should be tried again under another name.
Result<std::vector<Item*>> tried_again(Transaction& transaction, const std::vector<Item*>& items) {
    ArrayText codes;
    for (const auto* item : items) {
        if (item->code_given) codes.add(std::string_view(item->link.code));
    }
    const auto rows = transaction.query(
        "SELECT short_code FROM links WHERE short_code = ANY($1::text[])", Parameters().add(codes));
    if (!rows) return rows.error();
    std::set<std::string_view> taken;
    for (std::size_t row = 0; row < rows->size(); ++row) taken.insert(rows->text(row, 0));
    std::vector<Item*> again;
    for (auto* item : items) {
        // With a free code it was the id that is taken; an id that was given is as final.
        if (item->code_given && (item->id_given || taken.contains(item->link.code))) continue;
        again.push_back(item);
    }
    return again;
}

/// The insert above may have seen no tombstone of a link that was removed while it waited; what is
/// committed by now is seen here.
Result<void> go_on_above_tombstones(Transaction& transaction, const std::vector<Item*>& items,
                                    Note note) {
    ArrayText ids;
    std::map<std::uint64_t, Item*> by_id;
    for (auto* item : items) {
        item->link.version = 1;
        if (!item->stored) continue;
        ids.add(item->link.id);
        by_id[item->link.id] = item;
    }
    const auto rows = transaction.query(
        "UPDATE links SET version = grave.version + 1 FROM link_tombstones AS grave"
        " WHERE grave.short_code = links.short_code AND links.id = ANY($1::bigint[])"
        " RETURNING links.id, links.version",
        Parameters().add(ids));
    if (!rows) return rows.error();
    ArrayText codes, versions;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        auto& link = by_id.at(rows->number(row, 0))->link;
        link.version = rows->number(row, 1);
        codes.add(std::string_view(link.code));
        versions.add(link.version);
    }
    if (note == Note::nothing || rows->size() == 0) return {};
    return note_changes(transaction, codes, versions);
}

/// Takes back what a batch that stops at its first conflict stored after it.
Result<void> stop_at_conflict(Transaction& transaction, Creation& creation) {
    const auto first = std::find_if(creation.links.begin(), creation.links.end(),
                                    [](const Item& item) { return !item.stored; });
    if (first == creation.links.end()) return {};
    creation.answered = static_cast<std::size_t>(first - creation.links.begin()) + 1;
    ArrayText ids;
    bool any = false;
    for (auto item = first; item != creation.links.end(); ++item) {
        if (!item->stored) continue;
        ids.add(item->link.id);
        item->stored = false;
        any = true;
    }
    if (!any) return {};
    const auto removed =
        transaction.query("DELETE FROM links WHERE id = ANY($1::bigint[])", Parameters().add(ids));
    if (!removed) return removed.error();
    return {};
}

}  // namespace

Creation::Creation(std::vector<links::Link> wanted, links::OnConflict what_then,
                   links::LinkWriter::Created then)
    : on_conflict(what_then), done(std::move(then)) {
    links.reserve(wanted.size());
    for (auto& link : wanted) {
        const bool id_given = link.id != 0;
        const bool code_given = !link.code.empty();
        links.push_back({std::move(link), id_given, code_given, false});
    }
}

void LinkNames::leave_node() {
    std::random_device chance;
    const auto node = static_cast<std::uint16_t>(chance() & links::SnowflakeIds::node_max);
    ids_.emplace(node, last_id_);
}

Result<void> store(Transaction& transaction, std::span<Creation* const> creations, LinkNames& names,
                   Note note) {
    std::vector<Item*> all;
    for (auto* creation : creations) {
        creation->answered = creation->links.size();
        for (auto& item : creation->links) {
            item.stored = false;
            all.push_back(&item);
        }
    }
    std::vector<Item*> left = all;
    for (int tried = 0; !left.empty(); ++tried) {
        if (tried == tries_max) {
            return error(Errc::internal, "no unused code or id found (give a code)");
        }
        name_in_order(left, names);
        if (auto done = insert(transaction, left); !done) return done;
        std::erase_if(left, [](const Item* item) { return item->stored; });
        if (left.empty()) break;
        auto again = tried_again(transaction, left);
        if (!again) return again.error();
        left = std::move(*again);
        if (!left.empty()) names.leave_node();
    }
    if (auto done = go_on_above_tombstones(transaction, all, note); !done) return done;
    for (auto* creation : creations) {
        if (creation->on_conflict != links::OnConflict::stop) continue;
        if (auto done = stop_at_conflict(transaction, *creation); !done) return done;
    }
    return {};
}

Result<std::uint64_t> greatest_id(Transaction& transaction) {
    const auto rows = transaction.execute(
        "SELECT greatest((SELECT max(id) FROM links), (SELECT max(id) FROM link_tombstones),"
        " (SELECT max(link_id) FROM link_click_totals), 0)");
    if (!rows) return rows.error();
    return rows->number(0, 0);
}

}  // namespace qck::postgres
