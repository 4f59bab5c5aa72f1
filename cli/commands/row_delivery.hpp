#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "services/clicks/event_delivery.hpp"

namespace qck::commands {

/// Rows to a sink, from the journal, by a thread of their own. Keeps the segments that they still
/// have to be read from; all of them while rows are renewed.
class RowDelivery final : public clicks::SegmentHolder {
public:
    RowDelivery(clicks::EventSink& to, std::unique_ptr<clicks::EventDelivery> by)
        : sink(to), delivery(std::move(by)) {}
    std::vector<clicks::ProducerCursor> held_from() const override {
        if (keeps_all_) return {};
        return delivery->cursors();
    }

    /// No segment goes while it lives.
    class KeepAll {
    public:
        explicit KeepAll(RowDelivery& rows) : rows_(rows) { rows_.keeps_all_ = true; }
        KeepAll(const KeepAll&) = delete;
        KeepAll& operator=(const KeepAll&) = delete;
        ~KeepAll() { rows_.keeps_all_ = false; }

    private:
        RowDelivery& rows_;
    };

    clicks::EventSink& sink;
    const std::unique_ptr<clicks::EventDelivery> delivery;

private:
    std::atomic<bool> keeps_all_{false};
};

}  // namespace qck::commands
