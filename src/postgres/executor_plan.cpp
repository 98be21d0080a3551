#include "postgres/executor_plan.hpp"

#include "postgres/guard.hpp"
#include "postgres/identity.hpp"
#include "postgres/settings.hpp"

namespace atelier::postgres {

namespace {

struct Places {
    std::string store;
    std::string spool;
    std::string executor;
    std::string media;
};

void make_directory(const char* path) {
    char* copy = pstrdup(path);  // pg_mkdir_p writes into it
    if (pg_mkdir_p(copy, pg_dir_create_mode) != 0 && errno != EEXIST) {
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not create directory \"%s\": %m", path)));
    }
}

void find_places(Places& places) {
    const char* store = store_directory_path();
    const char* spool = spool_directory_path();
    const char* executor = program_path("pg_atelier_executor");
    const char* media = program_path("pg_atelier_media");
    make_directory(store);
    make_directory(spool);
    places.store = store;
    places.spool = spool;
    places.executor = executor;
    places.media = media;
}

}  // namespace

ExecutorPlan make_executor_plan() {
    Places places;
    call_postgres(find_places, places);
    const core::Json hello = {
        {"build", core::build_id()},
        {"store_directory", places.store},
        {"spool_directory", places.spool},
        {"media_children", settings::media_children},
        {"media_program", places.media},
        {"shutdown_wait_ms", settings::shutdown_wait_ms},
        {"drain_timeout_ms", settings::drain_timeout_ms},
        {"spool_limit_bytes", std::int64_t{settings::spool_limit_kb} * 1024},
    };
    return {places.executor, places.spool + "/executor.log", core::write_json(hello), std::string(core::build_id())};
}

}  // namespace atelier::postgres
