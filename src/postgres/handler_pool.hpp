#pragma once
// Which call of a function of users begins next, in which process. Calls of one lane are those of one role: they never
// take all processes, where there are more than one. A process serves one role in its life: connections, libraries and
// whatever else an extension keeps in a session outlive a call, and must not meet the next role. No PostgreSQL here.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace atelier::postgres {

struct PooledCall {
    std::int64_t attempt = 0;
    std::int32_t lane = 0;
    std::int64_t token = 0;
    std::array<unsigned char, 16> job{};
    std::int32_t timeout_ms = 0;

    bool operator==(const PooledCall&) const = default;
};

// A process that waits for a call.
struct IdleProcess {
    int process = 0;
    std::int32_t lane = 0;  // that it serves; 0: none yet
};

// What is to be done now, so that the calls begin in the order in which they came.
struct HandlerPlan {
    std::vector<std::pair<int, PooledCall>> begin;  // with the process
    std::vector<int> dismiss;                       // processes that make room for those of other roles, later
    int start = 0;                                  // so many processes
};

class HandlerPool {
  public:
    // It waits for a process, behind all that came before it.
    void add(const PooledCall& call);

    // Of `most` processes there are `all`, `coming` of them on their way. Calls of the plan that begin are with their
    // processes from now on.
    HandlerPlan plan(std::vector<IdleProcess> idle, int coming, int all, int most);

    bool knows(std::int64_t attempt) const { return waits(attempt) || process_of(attempt).has_value(); }
    bool waits(std::int64_t attempt) const;
    // The process that it is with; nullopt: it waits, or is unknown.
    std::optional<int> process_of(std::int64_t attempt) const;
    // What is with a process.
    const PooledCall* call_of(int process) const;

    // The call that was with the process, which is free now.
    std::optional<PooledCall> ended(int process);
    // False: it does not wait.
    bool withdraw(std::int64_t attempt);
    // Attempts that wait for a process.
    std::vector<std::int64_t> waiting() const;

    std::size_t size() const noexcept { return waiting_.size() + running_.size(); }
    bool empty() const noexcept { return size() == 0; }

  private:
    std::unordered_map<std::int32_t, int> load() const;
    static int most_of_one(int most) noexcept { return most > 1 ? most - 1 : 1; }

    std::deque<PooledCall> waiting_;
    std::unordered_map<int, PooledCall> running_;
};

}  // namespace atelier::postgres
