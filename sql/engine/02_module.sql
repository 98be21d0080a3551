create function atelier_internal.preloaded() returns boolean
    language c stable strict parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_preloaded';
comment on function atelier_internal.preloaded() is
    'Whether pg_atelier stands in shared_preload_libraries, so that workers exist.';

create function atelier_internal.warn_if_not_preloaded() returns void
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_warn_if_not_preloaded';
comment on function atelier_internal.warn_if_not_preloaded() is
    'Warns once a session when no worker can run because the library is not preloaded.';

create function atelier_internal.start_worker() returns boolean
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_start_worker';
comment on function atelier_internal.start_worker() is
    'Asks the launcher, at the commit of this transaction, to start this database''s worker. False when not preloaded.';

create function atelier_internal.setting(p_name text) returns text
    language c stable strict parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_setting';
comment on function atelier_internal.setting(text) is
    'Value in force of the setting pg_atelier.<name>; 42704 for an unknown name. Unlike current_setting() it knows the default before the library was loaded.';

create function atelier_internal.uuid_v7() returns uuid
    language c volatile parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_uuid_v7';
comment on function atelier_internal.uuid_v7() is
    'A time-ordered uuid (RFC 9562, version 7): new rows land at the end of the index.';

create function atelier_internal.random_token() returns bigint
    language c volatile parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_random_token';
comment on function atelier_internal.random_token() is 'A positive random bigint from a strong source.';

create function atelier_internal.own_slot() returns integer
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_own_slot';
comment on function atelier_internal.own_slot() is
    'A number that no other living backend has, for rows that it alone changes: -1 in the worker, from 1 up in sessions.';

create function atelier_internal.instance_id() returns bigint
    language c stable parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_instance_id';
comment on function atelier_internal.instance_id() is
    'Identity of this database''s engine: 64 bits of the hash of (system identifier, database oid, oid of this function). Another cluster, a copied database and a repeated CREATE EXTENSION have another one.';

create function atelier_internal.system_identifier() returns text
    language c stable parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_system_identifier';
comment on function atelier_internal.system_identifier() is 'System identifier of this cluster, as pg_controldata prints it.';

create function atelier_internal.file_store_directory() returns text
    language c stable parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_file_store_directory';
comment on function atelier_internal.file_store_directory() is
    'Absolute directory of the store "file" of this database (pg_atelier.store_directory, or below the data directory).';

create function atelier_internal.build_id() returns text
    language c immutable parallel safe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_build_id';
comment on function atelier_internal.build_id() is 'Build id of the loaded library: version and hash of the sources.';

create function atelier_internal.workers_state()
    returns table (database oid, state text, worker_pid integer, executor_pid integer, epoch bigint,
                   started_at timestamptz, turns bigint, last_turn_at timestamptz, in_flight integer,
                   leased bigint, settled bigint, swept bigint, build_matches boolean, last_error text)
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_workers_state';
comment on function atelier_internal.workers_state() is 'Counters that the workers of all databases publish in shared memory.';

create function atelier_internal.lane_counters()
    returns table (lane_id integer, in_flight integer, allowed integer, gate text, started bigint, answered bigint, refused bigint,
                   failed bigint, tenants integer, weights double precision, starts_per_second double precision)
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_lane_counters';
comment on function atelier_internal.lane_counters() is
    'What the worker of this database publishes of its busiest lanes each turn: orders in flight and how many the gate allows, state of the gate; orders begun, answered, refused (rate_limited) and failed since the worker started; tenants that wait with work and the sum of their weights; starts a second, as a moving average over about a minute.';

create function atelier_internal.handlers_state()
    returns table (pid integer, state text, job_id uuid, attempt_id bigint, since timestamptz)
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_handlers_state';
comment on function atelier_internal.handlers_state() is
    'The processes of this database that run functions of users: state is starting, idle, running, stopping (its function is being ended) or leaving; job and attempt of the one that runs, since when it does or is there.';

create function atelier_internal.wait_for_settling(p_milliseconds integer) returns void
    language c volatile strict parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_wait_for_settling';
comment on function atelier_internal.wait_for_settling(integer) is
    'Waits until the worker of this database has settled something since this session waited last, at most p_milliseconds (0 to 1000; beyond: 1000). A session that looks at a job after each call misses no end that the worker gave it.';

create function atelier_internal.run_by() returns text
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_run_by';
comment on function atelier_internal.run_by() is
    'What kind of process this is: worker, pg_cron (one of its background workers, or a session that calls itself so) or session.';

create function atelier_internal.note_queue_entry() returns trigger
    language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_queue_entry';
comment on function atelier_internal.note_queue_entry() is
    'Remembers the lowest sequence inserted per lane, tenant and priority; handed to the worker at commit.';

create function atelier_internal.note_due() returns trigger
    language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_due';
comment on function atelier_internal.note_due() is
    'Remembers the earliest time inserted into the column that the trigger''s argument names; handed to the worker at commit.';

create function atelier_internal.note_cancellation() returns trigger
    language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_cancellation';
comment on function atelier_internal.note_cancellation() is 'Tells the worker at commit that a running attempt is to be aborted.';

create function atelier_internal.note_dependency() returns trigger
    language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_dependency';
comment on function atelier_internal.note_dependency() is
    'Tells the worker at commit to look whether a prerequisite finished before it could be seen.';

create function atelier_internal.note_unresolved() returns void
    language c volatile set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_unresolved';
comment on function atelier_internal.note_unresolved() is
    'Asks the worker at commit to look for jobs whose prerequisites ended, and for collections whose work may have.';

create function atelier_internal.note_tenants() returns trigger
    language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_tenants';
comment on function atelier_internal.note_tenants() is 'Tells the worker at commit that shares or pauses of clients changed.';

create function atelier_internal.note_limits() returns void
    language c volatile set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_limits';
comment on function atelier_internal.note_limits() is
    'Tells the worker at commit that pauses of lanes or clients changed, also where the worker itself changed them.';

create function atelier_internal.note_wake() returns trigger
    language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_note_wake';
comment on function atelier_internal.note_wake() is 'Wakes the worker at commit.';

create function atelier_internal.run_handler(p_function text, p_run_as text, p_client_id uuid, p_argument jsonb) returns jsonb
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_run_handler';
comment on function atelier_internal.run_handler(text, text, uuid, jsonb) is
    'Calls a function of users (qualified name; takes jsonb, returns jsonb or void) as p_run_as in a security-restricted operation, for the client p_client_id (null: none), and undoes what it SET; whether the caller may use that role the caller of this has checked. 42501 where p_run_as is a superuser, 42704 where it does not exist, 42804 for another type, 21000 for several rows, 55000 inside such a function.';

create function atelier_internal.in_handler() returns boolean
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_in_handler';
comment on function atelier_internal.in_handler() is 'Whether a function of a pipeline runs now, and this is called by it.';

create function atelier_internal.current_extension() returns text
    language c stable parallel restricted set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_current_extension';
comment on function atelier_internal.current_extension() is
    'The extension whose script is running, from CREATE or ALTER EXTENSION; null outside.';
