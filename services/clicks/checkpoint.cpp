#include "services/clicks/checkpoint.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include "services/clicks/crc32c.hpp"
#include "services/clicks/segment.hpp"

namespace qck::clicks {
namespace {

constexpr std::uint64_t magic = 0x31304B4843434A51;  // "QJCCHK01"
constexpr std::size_t block_bytes = 64 * 1024;
constexpr std::uint32_t cursors_max = 65'536;

struct Header {
    std::uint64_t magic = clicks::magic;
    std::uint64_t node = 0;
    std::uint32_t cursors = 0;
    std::uint32_t reserved = 0;
};
struct StoredCursor {
    std::uint32_t shard = 0;
    std::uint32_t epoch = 0;
    std::uint32_t segment = 0;
    std::uint32_t offset = 0;
};
/// Before each block; one of no bytes is the end.
struct BlockHead {
    std::uint32_t bytes = 0;
    std::uint32_t crc = 0;
};

/// LEB128.
void put_number(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
}

bool get_number(const std::string& in, std::size_t& at, std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; at < in.size() && shift < 64; shift += 7) {
        const auto byte = static_cast<unsigned char>(in[at++]);
        value |= std::uint64_t{byte & 0x7FU} << shift;
        if ((byte & 0x80) == 0) return true;
    }
    return false;
}

auto order(const ProducerTotal& total) {
    return std::tuple(total.link_id, total.shard, total.click_class);
}

}  // namespace

Error CheckpointReader::damaged(const char* what) const {
    return error(Errc::corrupt, "checkpoint " + path_ + " is damaged: " + what);
}

Result<CheckpointReader> CheckpointReader::open(const std::filesystem::path& file,
                                                std::uint64_t node) {
    auto first = open_head(file);
    if (!first) return first;
    if (first->head_.node != node) return first->damaged("it is of another node");
    ProducerTotal total;
    for (bool more = true; more;) {
        const auto read = first->next(total);
        if (!read) return read.error();
        more = *read;
    }
    return open_head(file);
}

Result<CheckpointReader> CheckpointReader::open_head(const std::filesystem::path& file) {
    std::unique_ptr<std::FILE, Close> in(std::fopen(file.c_str(), "rbe"));
    if (!in) {
        if (errno == ENOENT) return error(Errc::not_found, "there is no " + file.string());
        return io_error("cannot read checkpoint " + file.string(), errno);
    }
    CheckpointReader reader(std::move(in), file.string());
    if (auto read = reader.read_header(); !read) return read.error();
    return reader;
}

Result<CheckpointReader::Head> CheckpointReader::head(const std::filesystem::path& file) {
    auto reader = open_head(file);
    if (!reader) return reader.error();
    return std::move(reader->head_);
}

Result<void> CheckpointReader::read_header() {
    Header header;
    if (std::fread(&header, sizeof header, 1, file_.get()) != 1 || header.magic != magic ||
        header.cursors > cursors_max) {
        return damaged("it does not begin as one does");
    }
    std::uint32_t crc = crc32c(0, &header, sizeof header);
    for (std::uint32_t i = 0; i < header.cursors; ++i) {
        StoredCursor stored;
        if (std::fread(&stored, sizeof stored, 1, file_.get()) != 1) return damaged("it is cut");
        crc = crc32c(crc, &stored, sizeof stored);
        head_.cursors.push_back({static_cast<std::uint16_t>(stored.shard),
                                 {stored.epoch, stored.segment, stored.offset}});
    }
    std::uint32_t stored_crc = 0;
    if (std::fread(&stored_crc, sizeof stored_crc, 1, file_.get()) != 1 || stored_crc != crc) {
        return damaged("its cursors fail their checksum");
    }
    head_.node = header.node;
    crc_ = crc;
    return {};
}

Result<bool> CheckpointReader::read_block() {
    BlockHead head;
    if (std::fread(&head, sizeof head, 1, file_.get()) != 1) return damaged("it is cut");
    if (head.bytes > 2 * block_bytes) return damaged("a block's length is wrong");
    block_.resize(head.bytes);
    if (head.bytes > 0 && std::fread(block_.data(), head.bytes, 1, file_.get()) != 1) {
        return damaged("it is cut");
    }
    crc_ = crc32c(crc_, block_.data(), block_.size());
    if (head.crc != crc_) return damaged("a block fails its checksum");
    block_at_ = 0;
    done_ = head.bytes == 0;
    return !done_;
}

Result<bool> CheckpointReader::next(ProducerTotal& total) {
    if (done_) return false;
    if (block_at_ == block_.size()) {
        const auto more = read_block();
        if (!more || !*more) return more;
    }
    std::uint64_t link_difference = 0;
    std::uint64_t producer_and_class = 0;
    if (!get_number(block_, block_at_, link_difference) ||
        !get_number(block_, block_at_, producer_and_class) ||
        !get_number(block_, block_at_, total.total) ||
        (producer_and_class & 7) >= click_class_count || producer_and_class >> 19 != 0) {
        return damaged("a total is none");
    }
    last_link_ += link_difference;
    total.link_id = last_link_;
    total.shard = static_cast<std::uint16_t>(producer_and_class >> 3);
    total.click_class = static_cast<ClickClass>(producer_and_class & 7);
    return true;
}

Result<CheckpointWriter> CheckpointWriter::create(const std::filesystem::path& file,
                                                  std::uint64_t node,
                                                  const std::vector<ProducerCursor>& cursors) {
    auto fresh = file;
    fresh += ".new";
    std::unique_ptr<std::FILE, Close> out(std::fopen(fresh.c_str(), "wbe"));
    if (!out) return io_error("cannot write checkpoint " + fresh.string(), errno);
    CheckpointWriter writer(std::move(out), file, fresh);

    Header header;
    header.node = node;
    header.cursors = static_cast<std::uint32_t>(cursors.size());
    if (auto written = writer.write(&header, sizeof header); !written) return written.error();
    writer.crc_ = crc32c(0, &header, sizeof header);
    for (const auto& cursor : cursors) {
        const StoredCursor stored{cursor.shard, cursor.at.epoch, cursor.at.segment,
                                  cursor.at.offset};
        if (auto written = writer.write(&stored, sizeof stored); !written) return written.error();
        writer.crc_ = crc32c(writer.crc_, &stored, sizeof stored);
    }
    const auto crc = writer.crc_;
    if (auto written = writer.write(&crc, sizeof crc); !written) return written.error();
    return writer;
}

CheckpointWriter::~CheckpointWriter() {
    if (out_) ::unlink(fresh_.c_str());
}

Result<void> CheckpointWriter::write(const void* data, std::size_t bytes) {
    if (bytes == 0 || std::fwrite(data, bytes, 1, out_.get()) == 1) return {};
    return io_error("cannot write checkpoint " + fresh_.string(), errno);
}

Result<void> CheckpointWriter::write_block() {
    crc_ = crc32c(crc_, block_.data(), block_.size());
    const BlockHead head{static_cast<std::uint32_t>(block_.size()), crc_};
    if (auto written = write(&head, sizeof head); !written) return written;
    if (auto written = write(block_.data(), block_.size()); !written) return written;
    block_.clear();
    return {};
}

Result<void> CheckpointWriter::add(const ProducerTotal& total) {
    put_number(block_, total.link_id - last_link_);
    put_number(block_,
               std::uint64_t{total.shard} << 3 | static_cast<std::uint8_t>(total.click_class));
    put_number(block_, total.total);
    last_link_ = total.link_id;
    if (block_.size() >= block_bytes) return write_block();
    return {};
}

Result<void> CheckpointWriter::finish() {
    if (!block_.empty()) {
        if (auto written = write_block(); !written) return written;
    }
    if (auto written = write_block(); !written) return written;  // the empty one that ends
    if (std::fflush(out_.get()) != 0 || ::fdatasync(::fileno(out_.get())) != 0 ||
        ::rename(fresh_.c_str(), file_.c_str()) != 0) {
        return io_error("cannot write checkpoint " + file_.string(), errno);
    }
    out_.reset();
    if (auto synced = sync_directory(file_.parent_path()); !synced) return synced;
    return {};
}

Result<void> MergedTotals::next_old() {
    has_old_ = false;
    if (before_ == nullptr) return {};
    const auto read = before_->next(old_);
    if (!read) return read.error();
    has_old_ = *read;
    return {};
}

Result<bool> MergedTotals::next(ProducerTotal& total) {
    if (!begun_) {
        begun_ = true;
        if (auto read = next_old(); !read) return read.error();
    }
    const bool has_new = at_ < counts_.size();
    if (!has_new && !has_old_) return false;
    if (has_new) {
        total = {counts_[at_].link_id, counts_[at_].shard, counts_[at_].click_class, 0};
    }
    if (has_old_ && (!has_new || order(old_) <= order(total))) {
        total = old_;
        if (auto read = next_old(); !read) return read.error();
    }
    // Counts may be apart by hour; a total is not.
    for (; at_ < counts_.size() && counts_[at_].link_id == total.link_id &&
           counts_[at_].shard == total.shard && counts_[at_].click_class == total.click_class;
         ++at_) {
        total.total += counts_[at_].count;
    }
    return true;
}

Result<void> advance_checkpoint(const std::filesystem::path& file, std::uint64_t node,
                                CheckpointReader* before, const std::vector<ClickCount>& counts,
                                const std::vector<ProducerCursor>& cursors) {
    auto writer = CheckpointWriter::create(file, node, cursors);
    if (!writer) return writer.error();
    MergedTotals totals(before, counts);
    ProducerTotal total;
    while (true) {
        const auto more = totals.next(total);
        if (!more) return more.error();
        if (!*more) return writer->finish();
        if (auto added = writer->add(total); !added) return added;
    }
}

}  // namespace qck::clicks
