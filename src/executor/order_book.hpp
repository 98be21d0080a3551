#pragma once
// Which orders wait for a media child, which have one, and what an event does to them. No I/O, no time: the engine
// asks, and does what it is told.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace atelier::executor {

using Attempt = std::uint64_t;

struct BookLimits {
    std::size_t max_running;       // media children at once
    std::size_t max_queued;        // orders
    std::size_t max_queued_bytes;  // of their payloads
};

enum class Admission { queued, give_back, duplicate };
enum class Stopped { unknown, was_queued, was_running };

class OrderBook {
  public:
    explicit OrderBook(const BookLimits& limits) : limits_(limits) {}

    // give_back: the book is full or draining, the order is not in it. duplicate: the attempt is in the book already.
    Admission admit(Attempt attempt, std::size_t bytes);

    // The oldest queued order, if there is room to run it; it counts as running from now on. Also while draining:
    // drain() leaves nothing queued.
    std::optional<Attempt> start_next();

    // Ends an order early (cancelled, timed out). was_queued: it is out of the book. was_running: its child is to be
    // killed; it keeps its place until finish(), but is not known to stop() any more.
    Stopped stop(Attempt attempt);

    // The child of a running order is gone.
    void finish(Attempt attempt);

    // From now on nothing is admitted. The queued orders, oldest first; they are out of the book.
    std::vector<Attempt> drain();

    bool draining() const noexcept { return draining_; }
    // Neither queued nor running; stopped ones whose child is still there do not count.
    bool idle() const noexcept { return queue_.empty() && running_ == stopping_; }
    std::size_t queued() const noexcept { return queue_.size(); }
    std::size_t running() const noexcept { return running_; }

  private:
    enum class Place { queued, running, stopping };
    struct Entry {
        Place place;
        std::size_t bytes;
    };

    BookLimits limits_;
    std::unordered_map<Attempt, Entry> entries_;
    std::deque<Attempt> queue_;
    std::size_t queued_bytes_ = 0;
    std::size_t running_ = 0;   // children, those of stopped orders included
    std::size_t stopping_ = 0;  // of them, stopped
    bool draining_ = false;
};

}  // namespace atelier::executor
