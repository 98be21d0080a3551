#pragma once
// Work of a media child: its inputs are fetched, it runs, and what it made is checked and put.

#include <memory>
#include <string>
#include <vector>

#include "executor/event_loop.hpp"
#include "executor/media_run.hpp"
#include "executor/media_slots.hpp"
#include "executor/order.hpp"
#include "executor/picture_work.hpp"
#include "executor/stores.hpp"
#include "executor/task_pool.hpp"
#include "executor/work.hpp"

namespace atelier::executor {

// What all works of media children share. It outlives them.
struct MediaTools {
    EventLoop& loop;
    TaskPool& pool;
    Stores& stores;
    MediaSlots& slots;
    std::string program;
};

class MediaWork : public Work {
  protected:
    explicit MediaWork(MediaTools& tools) : tools_(tools) {}

    void fetch(std::vector<ObjectRef> objects, const FetchLimits& limits);
    virtual MediaTask task(std::vector<storage::StoredObject> inputs) const = 0;
    // Runs in a thread of the pool.
    virtual core::Result<MadePicture> judge(MediaEnd end) const = 0;
    virtual void on_judged(MadePicture made) = 0;
    virtual void on_store_failure(core::Error error, std::optional<core::Milliseconds> retry_after) = 0;

    MediaTools& tools_;

  private:
    void wait_for_slot();
    void run();
    void on_media_end(MediaEnd end);
    void halt() override;

    std::vector<storage::StoredObject> inputs_;
    std::optional<MediaSlots::WaiterId> slot_;
    std::unique_ptr<MediaRun> run_;
};

// `ai.image` of the provider `offline`.
class ComposeWork : public MediaWork {
  public:
    ComposeWork(MediaTools& tools, ComposeRequest request) : MediaWork(tools), request_(std::move(request)) {}

    std::optional<std::string> obstacle() override;

  private:
    void begin() override;
    MediaTask task(std::vector<storage::StoredObject> inputs) const override;
    core::Result<MadePicture> judge(MediaEnd end) const override;
    void on_judged(MadePicture made) override;
    void on_store_failure(core::Error error, std::optional<core::Milliseconds> retry_after) override;

    const ComposeRequest request_;
};

// `ai.json` of the provider `offline`, task "scene".
class MeasureWork : public MediaWork {
  public:
    MeasureWork(MediaTools& tools, MeasureRequest request) : MediaWork(tools), request_(std::move(request)) {}

    std::optional<std::string> obstacle() override;

  private:
    void begin() override;
    MediaTask task(std::vector<storage::StoredObject> inputs) const override;
    core::Result<MadePicture> judge(MediaEnd end) const override;
    void on_judged(MadePicture made) override;
    void on_store_failure(core::Error error, std::optional<core::Milliseconds> retry_after) override;

    const MeasureRequest request_;
};

// `storage.head`
class InspectWork : public MediaWork {
  public:
    InspectWork(MediaTools& tools, InspectRequest request) : MediaWork(tools), request_(std::move(request)) {}

  private:
    void begin() override;
    MediaTask task(std::vector<storage::StoredObject> inputs) const override;
    core::Result<MadePicture> judge(MediaEnd end) const override;
    void on_judged(MadePicture made) override;
    void on_store_failure(core::Error error, std::optional<core::Milliseconds> retry_after) override;

    const InspectRequest request_;
};

}  // namespace atelier::executor
