#include "executor/rows_work.hpp"

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "executor/picture_work.hpp"

namespace atelier::executor {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

void RowsWork::begin() {
    begun_ = true;
    const auto result = std::make_shared<Result<Json>>(Error{ErrorClass::overloaded, "memory ran out"});
    const auto self = shared_as<RowsWork>();
    pool_.run(
        [self, result] {
            try {
                *result = Json{{"json", provider::analyze_products(self->request_.task)}, {"model", "rows"}};
            } catch (const std::bad_alloc&) {
                // It says so already.
            } catch (const std::exception& exception) {
                *result =
                    Error{ErrorClass::invalid_output, std::string("the rows cannot be read: ") + exception.what()};
            }
        },
        [self, result] {
            if (!*result) return self->fail(result->error());
            self->finish({std::move(*result), offline_usage("request")});
        });
}

}  // namespace atelier::executor
