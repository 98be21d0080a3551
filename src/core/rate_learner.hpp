#pragma once
// The rate of requests that a service allows, as its refusals show it. Lower when it refuses; a little higher, one
// order at a time, when much went well at the limit, and back to what was known to go well when it refuses that.

#include <cstdint>
#include <optional>

#include "core/clock.hpp"
#include "core/rate_window.hpp"

namespace atelier::core {

struct LearnedRate {
    std::uint64_t count = 0;  // 0: nothing was learned
    Milliseconds window{0};
    bool told = false;  // by the service itself

    bool operator==(const LearnedRate&) const = default;
};

class RateLearner {
  public:
    static constexpr std::int64_t boundless = std::int64_t{1} << 31;

    // How many may begin now.
    std::int64_t room(Instant now) const;
    // When one more may, by the clock; max(): when an order has ended.
    Instant more_at(Instant now) const;

    // True: beyond the rate that is known to go well; ended() is to be told.
    bool begun(Instant now);
    void succeeded(bool beyond, Instant now);
    void ended_otherwise(bool beyond) noexcept;
    // Requests that the service did not count.
    void not_counted(std::uint64_t count) { log_.take_back(count); }

    struct Refusal {
        std::int64_t count;  // requests before it that went through, begun since `since`
        Instant since;
        bool whole;         // they are all that it counted, for it had refused just before `since`
        Instant next;       // when it lets the next one begin
        bool told;          // it said so itself
        bool slow;          // they came more slowly than this rate lets them
        Milliseconds held;  // since `since`: there would have been more, but for this rate
    };
    // True: the rate was lowered for it.
    bool refused(const Refusal& refusal, Instant now);
    // And then it refused the next one too.
    void refused_again(Instant next, bool told, Instant now);
    // One of them was refused too.
    void one_less() noexcept;

    // One by one, with time between them: nothing else need hold them back.
    bool paces() const noexcept { return rate_.count == 1 && rate_.window >= Milliseconds{250}; }
    const LearnedRate& rate() const noexcept { return proven_ ? *proven_ : rate_; }
    void recall(const LearnedRate& rate, Instant now);

  private:
    enum class Sureness : std::uint8_t { none, some, full };  // of rate_, when it was learned
    static Sureness sureness(const Refusal& refusal, Milliseconds wait);
    void set(const LearnedRate& rate, Sureness sure, Instant now);
    void lower_to(double allowed, std::int64_t most, Sureness sure, Instant now);
    void give_up_raise(const Refusal& refusal, Instant now);
    std::optional<Milliseconds> span_of(std::uint64_t count, Instant now) const;
    void first_refused(const Refusal& refusal, Instant now);
    bool learned_from_all(const Refusal& refusal, Instant now);
    void lengthen(const Refusal& refusal, Instant now);
    void raise(Instant now);

    RateWindow log_;
    LearnedRate rate_;
    std::optional<LearnedRate> proven_;  // while rate_ is higher
    Instant raised_at_{};
    std::optional<LearnedRate> before_raise_;  // what went well before rate_, which may live on what was saved up
    Instant raise_trusted_at_{};               // until then
    std::int64_t beyond_in_flight_ = 0;
    std::int64_t beyond_succeeded_ = 0;
    std::int64_t succeeded_ = 0;  // at the limit
    std::int64_t patience_ = 0;   // so many before the next raise
    double step_ = 0;
    Sureness sure_ = Sureness::full;
    bool guessed_ = false;  // rate_ is what went well after a rest of nobody's saying; it may be higher
    std::optional<Instant> limited_until_;
    // A rate that lets many begin at once lets one begin first, until that was seen to go well after a whole window.
    enum class Trust : std::uint8_t { none, window_used, first_under_way, full } trust_ = Trust::full;

    std::int64_t refused_count_ = 0;
    bool counted_ = false;  // they are what the count of rate_ was learned from
    Instant refused_since_{};
};

}  // namespace atelier::core
