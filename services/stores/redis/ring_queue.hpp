#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace qck::redis {

/// A first-in first-out queue that keeps its memory: nothing is allocated once it has been as long
/// as it gets. (std::deque allocates and frees a block every few elements for ever.)
template <class T>
class RingQueue {
public:
    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    T& front() { return cells_[head_]; }
    /// The `index`-th from the front.
    T& operator[](std::size_t index) { return cells_[(head_ + index) & (cells_.size() - 1)]; }

    void push(T&& element) {
        if (size_ == cells_.size()) grow();
        cells_[(head_ + size_) & (cells_.size() - 1)] = std::move(element);
        ++size_;
    }
    T pop() {
        T element = std::move(cells_[head_]);
        head_ = (head_ + 1) & (cells_.size() - 1);
        --size_;
        return element;
    }

private:
    void grow() {
        std::vector<T> more(cells_.empty() ? 16 : cells_.size() * 2);
        for (std::size_t i = 0; i < size_; ++i) more[i] = std::move((*this)[i]);
        cells_ = std::move(more);
        head_ = 0;
    }

    std::vector<T> cells_;  ///< a power of two of them
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace qck::redis
