#include "postgres/handler_pool.hpp"

#include <algorithm>
#include <utility>

namespace atelier::postgres {

void HandlerPool::add(const PooledCall& call) {
    waiting_.push_back(call);
}

std::unordered_map<std::int32_t, int> HandlerPool::load() const {
    std::unordered_map<std::int32_t, int> load;
    for (const auto& [process, call] : running_)
        ++load[call.lane];
    return load;
}

HandlerPlan HandlerPool::plan(std::vector<IdleProcess> idle, int coming, int all, int most) {
    HandlerPlan plan;
    std::unordered_map<std::int32_t, int> load = this->load();
    const auto take_idle = [&idle](auto fits) -> std::optional<int> {
        const auto found = std::find_if(idle.begin(), idle.end(), fits);
        if (found == idle.end()) return std::nullopt;
        const int process = found->process;
        idle.erase(found);
        return process;
    };
    std::size_t taken = running_.size();
    for (auto next = waiting_.begin(); next != waiting_.end() && taken < static_cast<std::size_t>(most);) {
        const PooledCall call = *next;
        if (load[call.lane] >= most_of_one(most)) {
            ++next;
            continue;
        }
        std::optional<int> process = take_idle([&](const IdleProcess& one) { return one.lane == call.lane; });
        if (!process) process = take_idle([](const IdleProcess& one) { return one.lane == 0; });
        if (process) {
            plan.begin.emplace_back(*process, call);
            running_[*process] = call;
            next = waiting_.erase(next);
        } else {
            if (coming > 0) {
                --coming;
            } else if (all < most) {
                ++all;
                ++plan.start;
            } else if (const std::optional<int> other = take_idle([](const IdleProcess&) { return true; })) {
                plan.dismiss.push_back(*other);
            } else {
                break;
            }
            ++next;
        }
        ++load[call.lane];
        ++taken;
    }
    return plan;
}

bool HandlerPool::waits(std::int64_t attempt) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [attempt](const PooledCall& call) { return call.attempt == attempt; });
}

std::optional<int> HandlerPool::process_of(std::int64_t attempt) const {
    for (const auto& [process, call] : running_)
        if (call.attempt == attempt) return process;
    return std::nullopt;
}

const PooledCall* HandlerPool::call_of(int process) const {
    const auto found = running_.find(process);
    return found == running_.end() ? nullptr : &found->second;
}

std::optional<PooledCall> HandlerPool::ended(int process) {
    const auto found = running_.find(process);
    if (found == running_.end()) return std::nullopt;
    const PooledCall call = found->second;
    running_.erase(found);
    return call;
}

bool HandlerPool::withdraw(std::int64_t attempt) {
    return std::erase_if(waiting_, [attempt](const PooledCall& call) { return call.attempt == attempt; }) > 0;
}

std::vector<std::int64_t> HandlerPool::waiting() const {
    std::vector<std::int64_t> attempts;
    for (const PooledCall& call : waiting_)
        attempts.push_back(call.attempt);
    return attempts;
}

}  // namespace atelier::postgres
