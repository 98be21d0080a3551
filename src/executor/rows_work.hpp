#pragma once
// `ai.json` of the provider `offline`, task "products": rows are read, nothing else is needed.

#include "executor/order.hpp"
#include "executor/task_pool.hpp"
#include "executor/work.hpp"

namespace atelier::executor {

class RowsWork : public Work {
  public:
    RowsWork(TaskPool& pool, ProductsRequest request) : pool_(pool), request_(std::move(request)) {}

  private:
    void begin() override;

    TaskPool& pool_;
    const ProductsRequest request_;
};

}  // namespace atelier::executor
