#include "executor/engine.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "core/build_id.hpp"
#include "core/text.hpp"
#include "executor/http_request_work.hpp"
#include "executor/photo_work.hpp"
#include "executor/rows_work.hpp"
#include "executor/storage_work.hpp"
#include "wire/pace_frame.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using wire::FrameType;

constexpr std::size_t max_queued_orders = 10'000;
constexpr std::size_t max_queued_bytes = std::size_t{128} * 1024 * 1024;
constexpr std::size_t max_unsent_bytes_for_logs = std::size_t{1} * 1024 * 1024;
// A child is not to wait while others fetch and put.
constexpr std::size_t orders_per_child = 4;
// Each moves at most one object at a time.
constexpr std::size_t max_storage_orders = 16;
// Each waits for somebody else's server; lanes bound those of one pipeline.
constexpr std::size_t max_requests = 64;
// After a drain: for the worker to take the last answers.
constexpr core::Milliseconds flush_wait{1000};

}  // namespace

Engine::Engine(storage::UniqueFd socket, storage::UniqueFd termination) : termination_(std::move(termination)) {
    channel_.emplace(
        loop_, std::move(socket),
        Channel::Handlers{[this](const wire::Frame& frame) { on_frame(frame); },
                          [this](const Result<void>& reason) { on_end(reason); }, [this] { leave_when_done(); }});
    loop_.watch(termination_.get(), EPOLLIN, [this](std::uint32_t) {
        signalfd_siginfo signal{};
        if (::read(termination_.get(), &signal, sizeof signal) == sizeof signal) drain();
    });
}

int Engine::run() {
    channel_->send(FrameType::hello, 0, write_hello(core::build_id(), ::getpid()));
    loop_.run();
    return status_;
}

void Engine::on_frame(const wire::Frame& frame) {
    if (leaving_) return;
    if (!settings_ && frame.type == FrameType::hello) return on_hello(frame.payload);
    if (settings_) {
        switch (frame.type) {
            case FrameType::order:
                return on_order(frame.attempt, frame.payload);
            case FrameType::cancel:
                return on_cancel(frame.attempt);
            case FrameType::ping:
                return channel_->send(FrameType::pong, 0, {});
            case FrameType::drain:
                return drain();
            case FrameType::providers:
                return on_providers(frame.payload);
            case FrameType::settled:
                return on_settled(frame.payload);
            default:
                break;
        }
    }
    log(LogLevel::warning,
        "executor: protocol error: a frame out of place, type " + std::to_string(static_cast<unsigned>(frame.type)));
    leave(1);
}

Engine::Rooms::Rooms(Engine& engine, const Settings& settings)
    : stores(engine.loop_, pool, settings.store_directory, [&engine](const Notice& notice) { engine.tell(notice); }),
      slots(settings.media_children),
      media_tools{engine.loop_, pool, stores, slots, settings.media_program},
      web(engine.loop_),
      media(engine.loop_, {settings.media_children * orders_per_child + 8, max_queued_orders, max_queued_bytes},
            engine.job_handlers()),
      storage(engine.loop_, {max_storage_orders, max_queued_orders, max_queued_bytes}, engine.job_handlers()),
      requests(engine.loop_, {max_requests, max_queued_orders, max_queued_bytes}, engine.job_handlers()),
      paid(engine.loop_, pool, stores, {settings.spool_directory, settings.spool_limit, settings.drain_timeout},
           engine.paid_handlers()),
      pool(engine.loop_, std::clamp(std::thread::hardware_concurrency(), 4U, 8U)) {}

UnpaidJobs::Handlers Engine::job_handlers() {
    return {[this](Attempt attempt, const Answer& given) { answer(attempt, given); },
            [this](const std::string& message) { log(LogLevel::debug1, "executor: " + message); },
            [this] { leave_when_done(); }};
}

PaidCalls::Handlers Engine::paid_handlers() {
    return {[this](Attempt attempt, const Answer& given) { answer(attempt, given); },
            [this](Attempt attempt) { channel_->send(FrameType::kept, attempt, {}); },
            [this] { channel_->send(FrameType::adopted, 0, {}); }, [this] { leave_when_done(); },
            [this](const Notice& notice) { tell(notice); }};
}

void Engine::on_hello(const std::string& payload) {
    auto settings = parse_hello(payload);
    if (!settings) {
        log(LogLevel::warning, "executor: " + settings.error().message);
        return leave(1);
    }
    settings_ = std::move(*settings);
    rooms_ = std::make_unique<Rooms>(*this, *settings_);
    if (settings_->build != core::build_id()) {
        log(LogLevel::warning, "executor: build " + std::string(core::build_id()) +
                                   " does no work for a worker of build " + settings_->build);
    }
    if (::access(settings_->media_program.c_str(), X_OK) != 0) {
        log(LogLevel::warning, "executor: the media program cannot be executed: " + settings_->media_program);
    }
}

void Engine::on_providers(const std::string& payload) {
    if (auto taken = rooms_->stores.set_stores(payload); !taken)
        log(LogLevel::warning, "executor: " + taken.error().message);
    if (auto taken = rooms_->paid.set_providers(payload); !taken)
        log(LogLevel::warning, "executor: " + taken.error().message);
    if (auto taken = rooms_->web.set(payload); !taken) log(LogLevel::warning, "executor: " + taken.error().message);
}

void Engine::on_settled(const std::string& payload) {
    const auto attempts = core::parse_json(payload, {wire::max_payload_bytes, 2}, ErrorClass::invalid_request);
    if (!attempts || !attempts->is_array()) return log(LogLevel::warning, "executor: settled: the frame has no list");
    for (const Json& attempt : *attempts) {
        if (attempt.is_number_unsigned()) rooms_->paid.settled(attempt.get<Attempt>());
    }
}

void Engine::on_cancel(Attempt attempt) {
    if (rooms_->paid.cancel(attempt)) return;
    rooms_->media.cancel(attempt);
    rooms_->storage.cancel(attempt);
    rooms_->requests.cancel(attempt);
}

void Engine::on_order(Attempt attempt, const std::string& payload) {
    Order order = parse_order(attempt, payload);
    const AnswerHead head{order.lease, false, core::Milliseconds{0}};
    if (draining_ || settings_->build != core::build_id()) return answer(attempt, not_sent_answer(head));
    if (!order.request) return answer(attempt, failed_answer(head, order.request.error()));
    // The first order is answered; to give the second back would say that nothing was sent.
    if (rooms_->paid.knows(attempt) || rooms_->media.knows(attempt) || rooms_->storage.knows(attempt) ||
        rooms_->requests.knows(attempt)) {
        return log(LogLevel::warning, "executor: attempt " + std::to_string(attempt) + " was ordered twice");
    }
    hand_over(attempt, std::move(order), payload.size());
}

void Engine::hand_over(Attempt attempt, Order order, std::size_t bytes) {
    Rooms& rooms = *rooms_;
    Request& request = *order.request;
    if (auto* const compose = std::get_if<ComposeRequest>(&request)) {
        return rooms.media.admit(attempt, order, bytes,
                                 std::make_shared<ComposeWork>(rooms.media_tools, std::move(*compose)));
    }
    if (auto* const measure = std::get_if<MeasureRequest>(&request)) {
        return rooms.media.admit(attempt, order, bytes,
                                 std::make_shared<MeasureWork>(rooms.media_tools, std::move(*measure)));
    }
    if (auto* const products = std::get_if<ProductsRequest>(&request)) {
        return rooms.media.admit(attempt, order, bytes, std::make_shared<RowsWork>(rooms.pool, std::move(*products)));
    }
    if (auto* const inspect = std::get_if<InspectRequest>(&request)) {
        return rooms.media.admit(attempt, order, bytes,
                                 std::make_shared<InspectWork>(rooms.media_tools, std::move(*inspect)));
    }
    if (auto* const deletion = std::get_if<DeleteRequest>(&request)) {
        return rooms.storage.admit(attempt, order, bytes,
                                   std::make_shared<RemoveWork>(rooms.stores, std::move(*deletion)));
    }
    if (auto* const listing = std::get_if<ListRequest>(&request)) {
        return rooms.storage.admit(attempt, order, bytes,
                                   std::make_shared<ListWork>(rooms.stores, std::move(*listing)));
    }
    if (auto* const move = std::get_if<MoveRequest>(&request)) {
        return rooms.storage.admit(attempt, order, bytes,
                                   std::make_shared<MoveWork>(rooms.stores, rooms.pool, std::move(*move)));
    }
    if (auto* const import = std::get_if<ImportRequest>(&request)) {
        return rooms.media.admit(attempt, order, bytes,
                                 std::make_shared<ImportWork>(rooms.media_tools, std::move(*import)));
    }
    if (auto* const use = std::get_if<TellOfUseRequest>(&request)) {
        return rooms.storage.admit(attempt, order, bytes,
                                   std::make_shared<TellOfUseWork>(rooms.stores.photos(), std::move(*use)));
    }
    if (auto* const web = std::get_if<provider::WebRequest>(&request)) {
        return rooms.requests.admit(attempt, order, bytes,
                                    std::make_shared<HttpRequestWork>(rooms.web, std::move(*web)));
    }
    rooms.paid.admit(attempt, std::move(order));
}

// Work that is not paid for and not done in time goes back whole.
void Engine::drain() {
    if (!settings_) return leave(0);
    if (draining_) return;
    draining_ = true;
    rooms_->media.drain();
    rooms_->storage.drain();
    rooms_->requests.drain();
    rooms_->paid.drain();
    loop_.at(core::now() + settings_->shutdown_wait, [this] {
        rooms_->media.give_back_running();
        rooms_->storage.give_back_running();
        rooms_->requests.give_back_running();
        loop_.at(core::now() + flush_wait, [this] {
            flush_over_ = true;
            leave_when_done();
        });
        leave_when_done();
    });
    leave_when_done();
}

void Engine::leave_when_done() {
    if (!draining_ || !rooms_->media.idle() || !rooms_->storage.idle() || !rooms_->requests.idle() ||
        !rooms_->paid.idle())
        return;
    if (alone_ || flush_over_ || channel_->unsent_bytes() == 0) leave(status_);
}

// Media children work for nobody now; they end with the runs, when the engine does.
void Engine::on_end(const Result<void>& reason) {
    if (!reason) std::fprintf(stderr, "pg_atelier_executor: %s\n", reason.error().message.c_str());
    status_ = reason ? 0 : 1;
    if (!rooms_) return leave(status_);
    alone_ = true;
    draining_ = true;
    rooms_->media.abandon();
    rooms_->storage.abandon();
    rooms_->requests.abandon();
    rooms_->paid.go_on_alone();
    leave_when_done();
}

void Engine::answer(Attempt attempt, const Answer& answer) {
    if (!answer.pace.is_plain()) channel_->send(FrameType::pace, attempt, wire::encode_pace(answer.pace));
    channel_->send(FrameType::answer, attempt, answer.text);
}

void Engine::tell(const Notice& notice) {
    if (notice.resolved) {
        log(LogLevel::log, "executor: " + notice.kind + " is over");
        return channel_->send(FrameType::alert, 0, core::write_json({{"kind", notice.kind}, {"resolved", true}}));
    }
    log(LogLevel::warning, "executor: " + notice.message);
    channel_->send(FrameType::alert, 0,
                   core::write_json({{"kind", notice.kind},
                                     {"message", core::to_storable_text(notice.message, 1000)},
                                     {"hint", core::to_storable_text(notice.hint, 1000)}}));
}

// Dropped when the worker is far behind: answers matter more.
void Engine::log(LogLevel level, std::string_view message) {
    if (channel_->unsent_bytes() > max_unsent_bytes_for_logs) return;
    const char* word = level == LogLevel::warning ? "warning" : level == LogLevel::debug1 ? "debug1" : "log";
    channel_->send(FrameType::log, 0,
                   core::write_json({{"level", word}, {"message", core::to_storable_text(message, 2000)}}));
}

// The media children end with the runs, in the destructor.
void Engine::leave(int status) {
    status_ = status;
    leaving_ = true;
    loop_.stop();
}

}  // namespace atelier::executor
