#include "executor/spool_gate.hpp"

#include <new>

namespace atelier::executor {
namespace {

constexpr core::Milliseconds probe_every{2000};
constexpr const char* unwritable_kind = "spool_unwritable";
constexpr const char* full_kind = "spool_full";

// Runs in a thread of the pool: must not throw.
core::Result<void> probe_spool(Spool& spool) {
    try {
        return spool.probe();
    } catch (const std::bad_alloc&) {
        return core::Error{core::ErrorClass::storage_failed, "memory ran out"};
    }
}

}  // namespace

SpoolGate::SpoolGate(EventLoop& loop, TaskPool& pool, std::string directory, const SpoolLimits& limits, TellNotice tell)
    : loop_(loop), pool_(pool), directory_(std::move(directory)), limits_(limits), tell_(std::move(tell)) {
    open();
}

SpoolGate::~SpoolGate() {
    if (probe_) loop_.cancel(*probe_);
}

void SpoolGate::open() {
    auto opened = Spool::open(directory_, limits_);
    if (!opened) return failed(opened.error());
    spool_ = std::move(*opened);
}

std::optional<std::string> SpoolGate::closed() {
    if (!failure_.empty()) return failure_;
    look_at_room();
    if (full_) return "the spool of paid answers is full";
    return std::nullopt;
}

void SpoolGate::failed(const core::Error& error) {
    const bool news = failure_.empty();
    failure_ = "the spool of paid answers cannot be written: " + error.message;
    if (news) {
        tell_({unwritable_kind, failure_ + "; no paid call begins",
               "Make room for, or give the server's user access to, the directory of pg_atelier.spool_directory."});
    }
    probe_later();
}

void SpoolGate::probe_later() {
    if (!probe_) probe_ = loop_.at(core::now() + probe_every, [this] { probe(); });
}

void SpoolGate::probe() {
    probe_.reset();
    if (!spool_) {
        auto opened = Spool::open(directory_, limits_);
        if (!opened) return failed(opened.error());
        spool_ = std::move(*opened);
        return reopened();
    }
    // Not in the loop: a disk that has just failed may well take its time.
    const auto written = std::make_shared<core::Result<void>>();
    pool_.run([spool = spool_, written] { *written = probe_spool(*spool); },
              [this, written] {
                  if (!*written) return failed(written->error());
                  reopened();
              });
}

void SpoolGate::reopened() {
    failure_.clear();
    tell_({unwritable_kind, {}, {}, true});
}

void SpoolGate::look_at_room() {
    const bool full = !spool_->has_room();
    if (full == full_) return;
    full_ = full;
    if (!full) return tell_({full_kind, {}, {}, true});
    tell_({full_kind,
           "the spool holds " + std::to_string(spool_->bytes()) +
               " bytes of paid answers that are not settled; no paid call begins",
           "See why answers are not settled (atelier.alerts, the server log), or raise pg_atelier.spool_limit."});
}

void SpoolGate::settled() {
    if (full_) look_at_room();
}

}  // namespace atelier::executor
