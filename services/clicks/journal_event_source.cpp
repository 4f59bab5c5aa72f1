#include "services/clicks/journal_event_source.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "services/clicks/country_code.hpp"
#include "services/clicks/frame.hpp"

namespace qck::clicks {
namespace {

constexpr std::uint32_t not_in_batch = UINT32_MAX;
/// Read at least so much before looking whether it is enough.
constexpr std::size_t batch_read_bytes = 1;

}  // namespace

/// What of a batch's tables is there already. Begins anew with each batch.
class JournalEventSource::BatchTables {
public:
    explicit BatchTables(const PlaceLookup& place) : place_(place) {}

    void use(EventBatch& batch) {
        if (!batch.agents.empty()) return;
        ++generation_;
        batch.agents.push_back({});
        batch.referrers.emplace_back();
        batch.places.emplace_back();
        agents_.clear();
        referrers_.clear();
        links_.clear();
        last_link_ = not_in_batch;
        places_.fill(not_in_batch);
        addresses_.clear();
    }

    std::uint64_t generation() const { return generation_; }

    std::uint32_t agent(EventBatch& batch, const std::string& text) {
        const auto [entry, fresh] =
            agents_.try_emplace(text, static_cast<std::uint32_t>(batch.agents.size()));
        if (fresh) batch.agents.push_back({text, agent_fields(text)});
        return entry->second;
    }
    std::uint32_t referrer(EventBatch& batch, const std::string& text) {
        const auto [entry, fresh] =
            referrers_.try_emplace(text, static_cast<std::uint32_t>(batch.referrers.size()));
        if (fresh) batch.referrers.push_back(text);
        return entry->second;
    }
    std::uint32_t link(EventBatch& batch, std::uint64_t id) {
        if (last_link_ != not_in_batch && id == last_link_id_) return last_link_;
        const auto [entry, fresh] =
            links_.try_emplace(id, static_cast<std::uint32_t>(batch.link_ids.size()));
        if (fresh) batch.link_ids.push_back(id);
        last_link_id_ = id;
        return last_link_ = entry->second;
    }
    std::uint32_t place(EventBatch& batch, const StoredIp& ip, std::uint8_t country) {
        if (place_ && (ip.kind == 4 || ip.kind == 6)) return looked_up(batch, ip, country);
        if (country == 0) return 0;
        std::uint32_t& known = places_[country];
        if (known == not_in_batch) known = add(batch, {std::string(country_name(country)), {}, {}});
        return known;
    }

private:
    std::uint32_t looked_up(EventBatch& batch, const StoredIp& ip, std::uint8_t country) {
        const std::string_view address(reinterpret_cast<const char*>(ip.bytes.data()),
                                       ip.bytes.size());
        const auto [entry, fresh] =
            addresses_.try_emplace(std::string(address) + static_cast<char>(country), 0);
        if (!fresh) return entry->second;
        Place place;
        if (!place_(ip, place)) place = {};
        // What the edge says of the country is nearer to the click than a file.
        if (country != 0) place.country = country_name(country);
        const auto same = std::find(batch.places.begin(), batch.places.end(), place);
        entry->second = same != batch.places.end()
                            ? static_cast<std::uint32_t>(same - batch.places.begin())
                            : add(batch, std::move(place));
        return entry->second;
    }
    static std::uint32_t add(EventBatch& batch, Place place) {
        batch.places.push_back(std::move(place));
        return static_cast<std::uint32_t>(batch.places.size() - 1);
    }

    const PlaceLookup& place_;
    std::uint64_t generation_ = 0;
    std::unordered_map<std::string, std::uint32_t> agents_;
    std::unordered_map<std::string, std::uint32_t> referrers_;
    std::unordered_map<std::uint64_t, std::uint32_t> links_;
    std::uint64_t last_link_id_ = 0;
    std::uint32_t last_link_ = not_in_batch;
    std::array<std::uint32_t, 256> places_{};
    std::unordered_map<std::string, std::uint32_t> addresses_;
};

/// One shard as far as it was read, with the strings of its segment.
class JournalEventSource::Tail final : private RecordSink {
public:
    Tail(const Options& options, std::uint16_t shard, const Cursor& from)
        : at_(from), reader_({options.journal, options.node, shard, false}, from) {}

    /// The strings that stand before `from` in its segment.
    Result<void> learn_strings(const Options& options, const Cursor& from, ReadBuffer& buffer) {
        if (from.offset == 0) return {};
        ShardReader before({options.journal, options.node, reader_.shard(), false},
                           {from.epoch, from.segment, 0});
        segment_ = {reader_.shard(), from.epoch, from.segment};
        for (bool done = false; !done;) {
            const auto read = before.read(from, std::size_t{16} << 20, buffer, *this);
            if (!read) return read.error();
            done = *read;
        }
        return {};
    }

    const Cursor& at() const { return at_; }

    Result<Cursor> read(const Cursor& to, const RowSelection& selection, std::size_t rows_max,
                        EventBatch& batch, BatchTables& tables, ReadBuffer& buffer) {
        batch_ = &batch;
        tables_ = &tables;
        selection_ = &selection;
        const std::size_t begin = batch.rows.size();
        while (batch.rows.size() - begin < rows_max) {
            const auto done = reader_.read(to, batch_read_bytes, buffer, *this);
            if (!done) {
                batch_ = nullptr;
                return done.error();
            }
            // Where no segment is left before `to`, the reader stays behind it.
            at_ = *done ? to : reader_.at();
            if (*done) break;
        }
        batch_ = nullptr;
        return at_;
    }

private:
    /// Strings of a segment by their ids, and where the present batch has them.
    struct Strings {
        std::vector<std::string> text{""};
        std::vector<std::uint32_t> index{0};
        std::vector<std::uint64_t> generation{0};

        void set(std::uint16_t id, std::string_view value) {
            if (id >= text.size()) {
                text.resize(id + 1U);
                index.resize(id + 1U);
                generation.resize(id + 1U);
            }
            text[id] = value;
            generation[id] = 0;
        }
    };

    void frames(const SegmentId& segment, std::span<const std::byte> run) override {
        if (segment != segment_) {
            segment_ = segment;
            agents_ = {};
            referrers_ = {};
        }
        for_each_frame(run, [this](const Frame& frame) {
            switch (frame.type()) {
                case FrameType::user_agent:
                    return agents_.set(frame.string_id(), frame.string());
                case FrameType::referrer:
                    return referrers_.set(frame.string_id(), frame.string());
                case FrameType::click:
                case FrameType::edge_click:
                    if (batch_ != nullptr && wanted(frame.link_id())) add(frame);
                    return;
                default:
                    return;
            }
        });
    }
    void damage(const Damage&) override {}

    bool wanted(std::uint64_t link_id) const {
        const auto& only = selection_->only_links;
        if (!only.empty()) return std::binary_search(only.begin(), only.end(), link_id);
        const auto& except = selection_->except_links;
        return except.empty() || !std::binary_search(except.begin(), except.end(), link_id);
    }

    void add(const Frame& frame) {
        const Click click = frame.click();
        EventRow& row = batch_->rows.emplace_back();
        row.id = {segment_.shard, segment_.epoch, reader_.base_sequence() + frame.index()};
        row.link_id = click.link_id;
        row.time_ms = click.time_ms;
        row.ip = click.ip;
        row.click_class = click.click_class;
        row.agent = in_batch(agents_, click.user_agent, &BatchTables::agent);
        row.referrer = in_batch(referrers_, click.referrer, &BatchTables::referrer);
        row.place = tables_->place(*batch_, click.ip, click.country);
        row.link = tables_->link(*batch_, click.link_id);
    }

    std::uint32_t in_batch(Strings& strings, std::uint16_t id,
                           std::uint32_t (BatchTables::*index_of)(EventBatch&,
                                                                  const std::string&)) {
        if (id == 0 || id >= strings.text.size()) return 0;
        if (strings.generation[id] != tables_->generation()) {
            strings.index[id] = (tables_->*index_of)(*batch_, strings.text[id]);
            strings.generation[id] = tables_->generation();
        }
        return strings.index[id];
    }

    Cursor at_;
    ShardReader reader_;
    SegmentId segment_;
    Strings agents_;
    Strings referrers_;
    EventBatch* batch_ = nullptr;
    BatchTables* tables_ = nullptr;
    const RowSelection* selection_ = nullptr;
};

JournalEventSource::JournalEventSource(Options options) : options_(std::move(options)) {
    tables_ = std::make_unique<BatchTables>(options_.place);
    if (const auto found = list_shards(options_.journal)) shards_ = *found;
    for (std::uint16_t shard = 0; shard < options_.shards; ++shard) {
        if (std::find(shards_.begin(), shards_.end(), shard) == shards_.end()) {
            shards_.push_back(shard);
        }
    }
    std::sort(shards_.begin(), shards_.end());
}

JournalEventSource::~JournalEventSource() = default;

Result<Cursor> JournalEventSource::read(std::uint16_t shard, const Cursor& from, const Cursor& to,
                                        const RowSelection& selection, std::size_t rows_max,
                                        EventBatch& batch) {
    if (!(from < to)) return from;
    tables_->use(batch);
    auto& tail = tails_[shard];
    if (!tail || tail->at() != from) {
        tail = std::make_unique<Tail>(options_, shard, from);
        if (const auto learnt = tail->learn_strings(options_, from, buffer_); !learnt) {
            tail.reset();
            return learnt.error();
        }
    }
    auto at = tail->read(to, selection, rows_max, batch, *tables_, buffer_);
    if (!at) tail.reset();
    return at;
}

}  // namespace qck::clicks
