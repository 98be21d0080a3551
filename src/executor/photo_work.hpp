#pragma once
// Orders of photos that stay where they are.

#include <utility>
#include <vector>

#include "executor/media_work.hpp"

namespace atelier::executor {

// `storage.head` of a photo: it is looked up, its picture is fetched and measured, and nothing of it is kept.
class ImportWork : public MediaWork {
  public:
    ImportWork(MediaTools& tools, ImportRequest request) : MediaWork(tools), request_(std::move(request)) {}

  private:
    void begin() override;
    void on_looked_up(StoreEnd<PhotoLibraries::Photo> end);
    MediaTask task(std::vector<storage::StoredObject> inputs) const override;
    core::Result<MadePicture> judge(MediaEnd end) const override;
    void on_judged(MadePicture made) override;
    void on_store_failure(core::Error error, std::optional<core::Milliseconds> retry_after) override;

    const ImportRequest request_;
    PhotoLibraries::Photo photo_;
    std::vector<core::AxisLimit> limits_;
};

// `http.request`: the server of a photo is told that it is used.
class TellOfUseWork : public Work {
  public:
    TellOfUseWork(PhotoLibraries& photos, TellOfUseRequest request) : photos_(photos), request_(std::move(request)) {}

  private:
    void begin() override;

    PhotoLibraries& photos_;
    const TellOfUseRequest request_;
};

}  // namespace atelier::executor
