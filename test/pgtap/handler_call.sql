-- A call of a function of users: who it is, what it may not do, and that nothing of it is left.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create role handler_shop login in role atelier_app;
create role handler_chief login in role atelier_admin;
create role handler_super login superuser;
create schema handler_rooms;
grant usage, create on schema handler_rooms to handler_shop, handler_chief;
create table handler_rooms.notes (id integer primary key, note text);
create table handler_rooms.later (id integer references handler_rooms.notes deferrable initially deferred);
create table handler_rooms.sheets (n integer);
alter table handler_rooms.sheets owner to handler_shop;
insert into handler_rooms.sheets values (1);
grant all on handler_rooms.notes, handler_rooms.later to handler_shop;

-- A function of the role that does what its text says.
create function pg_temp.make(p_name text, p_body text, p_returns text default 'jsonb', p_owner text default 'handler_shop') returns void language plpgsql as $$
begin
    execute format('create function handler_rooms.%I(job jsonb) returns %s language plpgsql as %L', p_name, p_returns, p_body);
    execute format('alter function handler_rooms.%I(jsonb) owner to %I', p_name, p_owner);
end
$$;
create function pg_temp.run(p_name text, p_client uuid default null, p_run_as text default 'handler_shop', p_argument jsonb default '{}') returns jsonb language sql as $$
    select atelier_internal.run_handler('handler_rooms.' || quote_ident(p_name), p_run_as, p_client, p_argument)
$$;
create function pg_temp.refusal(p_body text, p_run_as text default 'handler_shop') returns text language plpgsql as $$
declare
    v_error text;
begin
    perform pg_temp.make('tried', p_body);
    v_error := pg_temp.error_of(format('select atelier_internal.run_handler(''handler_rooms.tried'', %L, null, ''{}'')', p_run_as));
    drop function handler_rooms.tried(jsonb);
    return v_error;
end
$$;
-- Who asks and for whom, outside of functions of pipelines.
create function pg_temp.here() returns text language sql as $$
    select concat_ws(' ', current_user, atelier_internal.caller(), atelier_internal.is_operator(), coalesce(atelier.current_client_id()::text, 'none'), current_setting('work_mem'))
$$;

select atelier.create_client('North', 'handler-north') as north, atelier.create_client('South', 'handler-south') as south \gset
select pg_temp.here() as outside \gset

select pg_temp.make('Who am "I"', $$ begin return job || jsonb_build_object('user', current_user, 'caller', atelier_internal.caller(), 'operator', atelier_internal.is_operator(),
                                              'client', atelier.current_client_id(), 'seen', (select jsonb_agg(c.slug order by c.slug) from atelier.clients c where c.slug like 'handler-%')); end $$);
grant execute on function atelier_internal.caller(), atelier_internal.is_operator() to handler_shop, handler_chief;
grant usage on schema atelier_internal to handler_shop, handler_chief;
select is(pg_temp.run('Who am "I"', :'north', p_argument => '{"n": 1}'),
          jsonb_build_object('n', 1, 'user', 'handler_shop', 'caller', 'handler_shop', 'operator', false, 'client', :'north', 'seen', jsonb_build_array('handler-north')),
          'it runs as the role of the pipeline, for the client of the job, and sees what both may see');
select is(pg_temp.run('Who am "I"'), jsonb_build_object('user', 'handler_shop', 'caller', 'handler_shop', 'operator', false, 'client', null, 'seen', null), 'without a client it sees of no client anything');
select pg_temp.make('chief', $$ begin return jsonb_build_array(atelier_internal.is_operator(), (select count(*) from atelier.clients c where c.slug like 'handler-%')); end $$, p_owner => 'handler_chief');
grant execute on function handler_rooms.chief(jsonb) to handler_shop;
select is(pg_temp.run('chief', null, 'handler_chief'), '[true, 2]', 'as an operator it may what operators may');
select is(pg_temp.run('chief', :'south', 'handler_chief'), '[true, 1]', 'for the client of the job alone');
select is(pg_temp.run('chief', :'south'), '[false, 1]', 'who owns the function does not matter');
select is(pg_temp.here(), :'outside', 'afterwards everything is as before');

select pg_temp.make('nothing', $$ begin insert into handler_rooms.notes values (1, job ->> 'note'); end $$, 'void');
select is(pg_temp.run('nothing', p_argument => '{"note": "kept"}'), null, 'void is no result');
select is((select note from handler_rooms.notes where id = 1), 'kept', 'but an effect');
select pg_temp.make('null', $$ begin return null; end $$);
select is(pg_temp.run('null'), null, 'null is no result');
select pg_temp.make('big', $$ begin return jsonb_build_object('a', repeat('x', 500000)); end $$);
select is(length(pg_temp.run('big') ->> 'a'), 500000, 'a long result comes back whole');

-- What it may not
select is(pg_temp.refusal('begin reset role; return null; end'), '42501 | cannot set parameter "role" within security-definer function', 'RESET ROLE is refused');
select is(pg_temp.refusal('begin perform set_config(''role'', ''none'', false); return null; end'), '42501 | cannot set parameter "role" within security-definer function', 'so it is by another door');
select is(pg_temp.refusal('begin set session authorization default; return null; end'), '42501 | cannot set parameter "session_authorization" within security-definer function', 'SET SESSION AUTHORIZATION too');
select is(pg_temp.refusal('begin insert into handler_rooms.later values (7); return null; end'), '42501 | cannot fire deferred trigger within security-restricted operation', 'a trigger that would fire later, as somebody else, is refused');
select is(pg_temp.refusal('begin set constraints all immediate; insert into handler_rooms.later values (1); return to_jsonb(1/0); end'), '22012 | division by zero', 'it may fire at once');
select is(pg_temp.refusal('begin create temp table t (); return null; end'), '42501 | cannot create temporary table within security-restricted operation', 'nothing temporary is made');
select is(pg_temp.refusal('begin listen atelier_events; return null; end'), '42501 | cannot execute LISTEN within security-restricted operation', 'it listens to nothing');
select is(pg_temp.refusal('begin commit; return null; end'), '2D000 | invalid transaction termination', 'it ends no transaction');
select is(pg_temp.refusal('begin perform atelier_internal.run_handler(''handler_rooms.chief'', ''handler_chief'', null, ''{}''); return null; end'), '42501 | permission denied for function run_handler', 'it runs no other');
grant execute on function atelier_internal.run_handler(text, text, uuid, jsonb) to handler_shop;
select is(pg_temp.refusal('begin perform atelier_internal.run_handler(''handler_rooms.chief'', ''handler_chief'', null, ''{}''); return null; end'),
          '55000 | a function of a pipeline cannot run those of others | Let the pipeline''s next step do it, or a job that this one enqueues.', 'nor could it');
select is(pg_temp.refusal(format('begin perform atelier_internal.enter_context(%L, null, false); return null; end', :'south'), 'handler_chief'), '42501 | permission denied for function enter_context', 'it reaches nothing of the engine');
select is(pg_temp.error_of(format('select atelier_internal.run_handler(''handler_rooms.chief'', ''handler_super'', %L, ''{}'')', :'north')),
          '42501 | functions of pipelines do not run as the superuser "handler_super" | Define the pipeline again, with run_as => a role that has the privileges it needs and no more.', 'no function runs as a superuser');
select matches(pg_temp.error_of('select atelier_internal.run_handler(''handler_rooms.chief'', ''handler_gone'', null, ''{}'')'), '^42704 .*handler_gone', 'nor as a role that is gone');
select is(pg_temp.error_of('select atelier_internal.run_handler(''pg_catalog.jsonb_typeof'', ''handler_shop'', null, ''{}'')'),
          '42804 | a function of a pipeline returns jsonb or void, not text | Create it anew with RETURNS jsonb.', 'another type is refused');
select is(pg_temp.error_of('select atelier_internal.run_handler(''pg_catalog.jsonb_array_elements'', ''handler_shop'', null, ''[1, 2]'')'),
          '21000 | a function of a pipeline returned 2 rows instead of one value | Let it return one jsonb array.', 'so are several rows');
select matches(pg_temp.error_of('select atelier_internal.run_handler(''handler_rooms.chief(''''{}'''')); drop table notes; --'', ''handler_shop'', null, ''{}'')'), '^42(602|883)', 'a name is a name');

-- What it cannot leave behind
select pg_temp.make('settings', $$ begin perform set_config('work_mem', '77MB', false); set local statement_timeout = '1s'; set search_path = handler_rooms; return to_jsonb(current_setting('work_mem')); end $$);
select is(pg_temp.run('settings'), '"77MB"', 'it may SET');
select is(pg_temp.here(), :'outside', 'what it SET ends with it');
select isnt(current_setting('statement_timeout'), '1s', 'what it SET LOCAL too');
select isnt(pg_temp.refusal(format('begin perform set_config(''work_mem'', ''66MB'', false); return to_jsonb(1/0); end')), null, 'one that fails');
select is(pg_temp.here(), :'outside', 'leaves nothing behind either');
-- It fails while the transaction works for somebody, and the error is caught.
select null from (select atelier.set_context(client_id => :'north')) as done;
select pg_temp.make('fails', $$ begin begin raise 'inner'; exception when others then null; end; if atelier.current_client_id() is distinct from (job ->> 'client')::uuid then raise 'wrong'; end if; raise 'outer'; end $$);
select is(pg_temp.error_of(format('select atelier_internal.run_handler(''handler_rooms.fails'', ''handler_shop'', %L, %L)', :'south', jsonb_build_object('client', :'south'))), 'P0001 | outer', 'an error that it caught itself ends nothing');
select is(atelier.current_client_id(), :'north', 'the transaction works for its client again');

-- Commands that run functions of others
select pg_temp.make('spring', $$ begin return to_jsonb(atelier_internal.caller()); end $$);
create function handler_rooms.sprung(n integer) returns text language plpgsql immutable as $$ begin return atelier_internal.caller(); end $$;
create function handler_rooms.counted(n integer) returns boolean language plpgsql immutable as $$ begin return atelier_internal.is_operator() or atelier_internal.sees_all_clients(); end $$;
grant execute on function atelier_internal.sees_all_clients() to handler_shop, handler_chief;
grant handler_shop to handler_chief;
select pg_temp.make('indexes', $$ begin execute 'create index on handler_rooms.sheets (handler_rooms.sprung(n))'; return null; end $$, p_owner => 'handler_chief');
select matches(pg_temp.error_of('select atelier_internal.run_handler(''handler_rooms.indexes'', ''handler_chief'', null, ''{}'')'), '^42501 . jobs cannot be created within', 'within an index expression nobody is the caller');
create materialized view handler_rooms.seen as select handler_rooms.counted(n) as operator from handler_rooms.sheets with no data;
alter materialized view handler_rooms.seen owner to handler_shop;
select pg_temp.make('refreshes', $$ begin
    begin execute 'create index on handler_rooms.sheets (handler_rooms.sprung(n))'; exception when insufficient_privilege then null; end;
    refresh materialized view handler_rooms.seen; return jsonb_build_array((select operator from handler_rooms.seen), atelier_internal.is_operator()); end $$, p_owner => 'handler_chief');
select is(pg_temp.run('refreshes', null, 'handler_chief'), '[false, true]', 'nor in a view that is refreshed; after it the role is who asks again');

select is(atelier_internal.current_extension(), null, 'outside of an extension''s script there is none');
select * from finish();
rollback;
