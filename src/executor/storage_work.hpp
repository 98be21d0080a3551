#pragma once
// Work that is done by stores alone.

#include <optional>
#include <string>

#include "executor/order.hpp"
#include "executor/stores.hpp"
#include "executor/task_pool.hpp"
#include "executor/work.hpp"

namespace atelier::executor {

// `storage.delete`
class RemoveWork : public Work {
  public:
    RemoveWork(Stores& stores, DeleteRequest request) : stores_(stores), request_(std::move(request)) {}

  private:
    void begin() override;

    Stores& stores_;
    const DeleteRequest request_;
};

// `storage.list`
class ListWork : public Work {
  public:
    ListWork(Stores& stores, ListRequest request) : stores_(stores), request_(std::move(request)) {}

  private:
    void begin() override;

    Stores& stores_;
    const ListRequest request_;
};

// `storage.put`: fetched, compared with what is known of it, put.
class MoveWork : public Work {
  public:
    MoveWork(Stores& stores, TaskPool& pool, MoveRequest request)
        : stores_(stores), pool_(pool), request_(std::move(request)) {}

    std::optional<std::string> obstacle() override;

  private:
    void begin() override;
    void verify(storage::StoredObject object);
    void put(SharedBytes bytes);

    Stores& stores_;
    TaskPool& pool_;
    const MoveRequest request_;
};

}  // namespace atelier::executor
