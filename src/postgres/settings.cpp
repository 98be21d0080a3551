#include "postgres/settings.hpp"

#include "postgres/prelude.hpp"

#include "core/host_list.hpp"

namespace atelier::postgres::settings {

int poll_interval_ms;
int shutdown_wait_ms;
int drain_timeout_ms;
int spool_limit_kb;
int max_in_flight;
int turn_limit;
int media_children;
int priority_aging_ms;
int handlers;
int handler_timeout_ms;
char* http_hosts;
char* http_private_hosts;
char* program_directory;
char* store_directory;
char* spool_directory;

namespace {

constexpr int second_ms = 1000;
constexpr int minute_s = 60;
constexpr int hour_s = 60 * minute_s;
constexpr int day_s = 24 * hour_s;
constexpr int megabyte_kb = 1024;

// Read by SQL alone, through setting().
int attempt_ttl_s;
int asset_undo_window_s;
int client_asset_soft_limit;
int error_asset_ttl_s;
int backoff_base_ms;
char* default_provider;
char* default_store;
int event_ttl_s;
int idempotency_ttl_s;
char* instance;
int job_timeout_ms;
int job_ttl_completed_s;
int job_ttl_failed_s;
int max_attempts;
int max_image_kb;
char* request_namespace;
int purge_log_ttl_s;
char* quota_timezone;
bool single_client_per_user;
int upload_ttl_s;
bool notify_events;
char* prompt_template;
bool settings_strict;

// A ring of daily partitions holds 32 days.
constexpr int ring_s = 31 * day_s;

constexpr std::size_t max_fault_bytes = 400;

// What is wrong with a list of hosts, as a text; nothing of C++ is left when it returns.
bool is_host_list(const char* text, core::HostKind kind, char (&fault)[max_fault_bytes]) noexcept try {
    const auto list = core::HostList::parse(text, kind);
    if (!list) strlcpy(fault, list.error().message.c_str(), sizeof fault);
    return list.ok();
} catch (const std::exception& failure) {
    strlcpy(fault, failure.what(), sizeof fault);
    return false;
}

bool check_http_hosts(char** value, void** /*extra*/, GucSource /*source*/) {
    char fault[max_fault_bytes];
    if (is_host_list(*value, core::HostKind::open, fault)) return true;
    GUC_check_errdetail("%s.", fault);
    GUC_check_errhint(
        "Separate the hosts by commas: api.example.com, api.example.com:8443, *.example.com or *. Those of a private "
        "network belong into pg_atelier.http_private_hosts.");
    return false;
}

bool check_http_private_hosts(char** value, void** /*extra*/, GucSource /*source*/) {
    char fault[max_fault_bytes];
    if (is_host_list(*value, core::HostKind::own, fault)) return true;
    GUC_check_errdetail("%s.", fault);
    GUC_check_errhint(
        "Separate the hosts by commas: reports.internal, reports.internal:8080, *.svc.cluster.local or 10.1.2.3:8080.");
    return false;
}

struct IntegerSetting {
    const char* name;
    const char* summary;
    const char* description;
    int* value;
    int initial;
    int least;
    int most;
    GucContext context;
    int flags;
};

struct TextSetting {
    const char* name;
    const char* summary;
    const char* description;
    char** value;
    const char* initial;
    GucContext context;
    GucStringCheckHook check = nullptr;
};

// A prompt text has at most 4,000 characters, a word of the settings 100; in bytes the template may have fewer
// characters.
bool check_prompt_template(char** value, void** /*extra*/, GucSource /*source*/) {
    constexpr std::size_t most = 4000;
    constexpr std::size_t longest_word = 100;
    const std::string_view text = *value;
    std::size_t filled = text.size();
    for (const std::string_view variable : {std::string_view("{style}"), std::string_view("{roomType}")}) {
        for (auto at = text.find(variable); at != text.npos; at = text.find(variable, at + variable.size())) {
            filled += longest_word - variable.size();
        }
    }
    if (filled > most) {
        GUC_check_errdetail("Filled in, with words of up to %zu characters, it may have %zu; most are %zu.",
                            longest_word, filled, most);
        GUC_check_errhint("Shorten it. What is said of one product or collection belongs into its promptText.");
        return false;
    }
    return true;
}

bool check_namespace(char** value, void** /*extra*/, GucSource /*source*/) {
    const std::string_view text = *value;
    if (text == "client" || text == "admin") return true;
    GUC_check_errhint("Namespaces are client and admin.");
    return false;
}

bool check_timezone(char** value, void** /*extra*/, GucSource /*source*/) {
    if (pg_tzset(*value) != nullptr) return true;
    GUC_check_errhint("SELECT name FROM pg_timezone_names lists the time zones.");
    return false;
}

const IntegerSetting integers[] = {
    {"pg_atelier.asset_undo_window", "How long a soft-deleted asset can be restored.",
     "After it the purge removes the row and the stored bytes.", &asset_undo_window_s, 30 * day_s, 0, 3650 * day_s,
     PGC_SUSET, GUC_UNIT_S},
    {"pg_atelier.attempt_ttl", "How long attempts are kept.", nullptr, &attempt_ttl_s, 30 * day_s, day_s, ring_s,
     PGC_SUSET, GUC_UNIT_S},
    {"pg_atelier.backoff_base", "Wait before the first retry of a job.",
     "Each further retry waits about twice as long as the one before, with jitter.", &backoff_base_ms, 2 * second_ms, 1,
     hour_s* second_ms, PGC_SUSET, GUC_UNIT_MS},
    {"pg_atelier.client_asset_soft_limit", "How many assets of a client are worth a warning.",
     "At nine tenths of it an alert is raised; nothing is ever refused for it. 0: no warning.",
     &client_asset_soft_limit, 10000, 0, 1000000000, PGC_SUSET, 0},
    {"pg_atelier.drain_timeout", "How long an executor without its worker lets paid calls that are under way end.",
     "Their answers are taken up by the next worker.", &drain_timeout_ms, minute_s* second_ms, 0, hour_s* second_ms,
     PGC_SIGHUP, GUC_UNIT_MS},
    {"pg_atelier.error_asset_ttl", "How long assets in status error are kept.",
     "After it they are deleted as by soft_delete_asset() and can be restored for pg_atelier.asset_undo_window.",
     &error_asset_ttl_s, 7 * day_s, 0, 3650 * day_s, PGC_SUSET, GUC_UNIT_S},
    {"pg_atelier.event_ttl", "How long events are kept.", nullptr, &event_ttl_s, 30 * day_s, day_s, ring_s, PGC_SUSET,
     GUC_UNIT_S},
    {"pg_atelier.idempotency_ttl", "How long an idempotency key stands for the request that named it first.", nullptr,
     &idempotency_ttl_s, 7 * day_s, minute_s, 3650 * day_s, PGC_SUSET, GUC_UNIT_S},
    {"pg_atelier.job_timeout", "Time an attempt may take when its step names none.", nullptr, &job_timeout_ms,
     120 * second_ms, 100, day_s* second_ms, PGC_SUSET, GUC_UNIT_MS},
    {"pg_atelier.job_ttl_completed", "How long completed jobs stay in the history.", nullptr, &job_ttl_completed_s,
     day_s, hour_s, ring_s, PGC_SUSET, GUC_UNIT_S},
    {"pg_atelier.job_ttl_failed", "How long failed, cancelled and quarantined jobs stay in the history.", nullptr,
     &job_ttl_failed_s, 7 * day_s, hour_s, ring_s, PGC_SUSET, GUC_UNIT_S},
    {"pg_atelier.max_attempts", "Attempts a job has when its step names no number.", nullptr, &max_attempts, 3, 1, 100,
     PGC_SUSET, 0},
    {"pg_atelier.max_image_bytes", "Most bytes of a picture that a client uploads.", nullptr, &max_image_kb,
     10 * megabyte_kb, 1, 1024 * megabyte_kb, PGC_SUSET, GUC_UNIT_KB},
    {"pg_atelier.max_in_flight", "Most orders that a worker has with its executor at a time.", nullptr, &max_in_flight,
     1000, 1, 100000, PGC_SIGHUP, 0},
    {"pg_atelier.media_children", "Most media processes that an executor runs at a time.",
     "A change drains the executor and starts it anew.", &media_children, 2, 1, 64, PGC_SIGHUP, 0},
    {"pg_atelier.poll_interval", "How often an idle worker looks for work that no commit announced.",
     "Committed work wakes the worker at once; this finds what was committed in two phases.", &poll_interval_ms,
     minute_s* second_ms, 100, day_s* second_ms, PGC_SIGHUP, GUC_UNIT_MS},
    {"pg_atelier.priority_aging", "Time that waiting work of a client needs to catch up with one level of priority.",
     "Priorities order the work of one client; clients among themselves share by weight. 0: work of a lower priority "
     "waits as long as there is any of a higher one.",
     &priority_aging_ms, minute_s* second_ms, 0, day_s* second_ms, PGC_SIGHUP, GUC_UNIT_MS},
    {"pg_atelier.handlers", "Most processes that run the SQL functions of pipelines at once, in one database.",
     "They are started when there is work for them, and leave when there is none. One role never takes all of them, "
     "where there are more than one.",
     &handlers, 2, 1, 16, PGC_SIGHUP, 0},
    {"pg_atelier.handler_timeout", "Longest time that one call of a SQL function of a pipeline may take.",
     "A step may name another one. Nothing that the function does can change it.", &handler_timeout_ms, 30 * second_ms,
     10, hour_s* second_ms, PGC_SIGHUP, GUC_UNIT_MS},
    {"pg_atelier.purge_log_ttl", "How long the log of the purge is kept.", nullptr, &purge_log_ttl_s, 365 * day_s,
     day_s, 3650 * day_s, PGC_SUSET, GUC_UNIT_S},
    {"pg_atelier.shutdown_wait", "How long a stopping worker waits for answers that are under way.", nullptr,
     &shutdown_wait_ms, 10 * second_ms, 0, hour_s* second_ms, PGC_SIGHUP, GUC_UNIT_MS},
    {"pg_atelier.spool_limit", "Most bytes of paid answers that an executor keeps on disk until they are settled.",
     "A full spool stops new paid calls and raises an alert.", &spool_limit_kb, 1024 * megabyte_kb, megabyte_kb,
     1024 * 1024 * megabyte_kb, PGC_SIGHUP, GUC_UNIT_KB},
    {"pg_atelier.turn_limit", "Most jobs leased or settled in one transaction of a worker.", nullptr, &turn_limit, 1000,
     1, 100000, PGC_SIGHUP, 0},
    {"pg_atelier.upload_ttl", "How long an upload may stay unconfirmed.",
     "After it the purge removes its row and what was put into the store.", &upload_ttl_s, day_s, hour_s, 365 * day_s,
     PGC_SUSET, GUC_UNIT_S},
};

struct SwitchSetting {
    const char* name;
    const char* summary;
    const char* description;
    bool* value;
    bool initial;
    GucContext context;
};

const SwitchSetting switches[] = {
    {"pg_atelier.notify_events", "Whether the worker tells listeners of channel atelier_events of new events.",
     "Events are read with atelier.events_after(), with or without it.", &notify_events, false, PGC_SIGHUP},
    {"pg_atelier.settings_strict", "Whether unknown settings of a request are refused.", "Off: they are ignored.",
     &settings_strict, true, PGC_USERSET},
    {"pg_atelier.single_client_per_user", "Whether a user can be an active member of one client only.",
     "Off: of several; set_context() then has to be told which.", &single_client_per_user, true, PGC_SUSET},
};

const TextSetting texts[] = {
    {"pg_atelier.default_provider", "Provider of requests that name none.", nullptr, &default_provider, "offline",
     PGC_USERSET},
    {"pg_atelier.default_store", "Store that new pictures are put into.",
     "file, or a foreign server of atelier_s3. What is stored already stays where it is.", &default_store, "file",
     PGC_SUSET},
    {"pg_atelier.instance", "Name of this server, set outside the data directory.",
     "A physical copy of a cluster cannot know that it is one: the engine pauses when this differs from what it "
     "recorded.",
     &instance, "", PGC_SIGHUP},
    {"pg_atelier.namespace", "Application that asks: client or admin.",
     "Stands on each job, for those who watch. ALTER ROLE ... SET pg_atelier.namespace = 'admin' suits the role of an "
     "admin application.",
     &request_namespace, "client", PGC_USERSET, check_namespace},
    {"pg_atelier.program_directory", "Directory of the programs pg_atelier_executor and pg_atelier_media.",
     "Empty: PostgreSQL's package library directory.", &program_directory, "", PGC_SUSET},
    {"pg_atelier.prompt_template", "Opening sentence of the prompts that a collection's settings do not name.",
     "{style} and {roomType} stand for the words of the settings and are left out where these are unspecified. Empty: "
     "the prompt begins as for a single request.",
     &prompt_template, "Beautiful {style} scene featuring the product", PGC_USERSET, check_prompt_template},
    {"pg_atelier.quota_timezone", "Time zone whose days and months quotas count.", nullptr, &quota_timezone, "UTC",
     PGC_SUSET, check_timezone},
    {"pg_atelier.spool_directory", "Directory in which executors keep what must survive them.",
     "Each database has a directory of its own in it: <system identifier>-<database oid>. Empty: pg_atelier/<database "
     "oid>/spool below the data directory.",
     &spool_directory, "", PGC_SUSET},
    {"pg_atelier.http_hosts", "Hosts that http.request steps of pipelines may call.",
     "A list of names, separated by commas: api.example.com, *.example.com for every name below it, * for all. A name "
     "may carry a port; without one it is 443. They are called over https, and only where all addresses of the name "
     "are public. Empty: none.",
     &http_hosts, "", PGC_SIGHUP, check_http_hosts},
    {"pg_atelier.http_private_hosts", "Hosts that http.request steps may call wherever they are.",
     "The same kind of list, without *, for services in a network of one's own: any name or address, over https or "
     "http; without a port it is 443 or 80. What stands here needs not stand in pg_atelier.http_hosts too.",
     &http_private_hosts, "", PGC_SIGHUP, check_http_private_hosts},
    {"pg_atelier.store_directory", "Directory of the store \"file\".",
     "Empty: pg_atelier/<database oid>/store below the data directory. A directory belongs to one database: set it by "
     "ALTER DATABASE.",
     &store_directory, "", PGC_SUSET},
};

}  // namespace

void define() {
    for (const IntegerSetting& s : integers) {
        DefineCustomIntVariable(s.name, s.summary, s.description, s.value, s.initial, s.least, s.most, s.context,
                                s.flags, nullptr, nullptr, nullptr);
    }
    for (const TextSetting& s : texts) {
        DefineCustomStringVariable(s.name, s.summary, s.description, s.value, s.initial, s.context, 0, s.check, nullptr,
                                   nullptr);
    }
    for (const SwitchSetting& s : switches) {
        DefineCustomBoolVariable(s.name, s.summary, s.description, s.value, s.initial, s.context, 0, nullptr, nullptr,
                                 nullptr);
    }
    MarkGUCPrefixReserved("pg_atelier");
}

}  // namespace atelier::postgres::settings
