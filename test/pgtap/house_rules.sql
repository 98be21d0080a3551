-- Rules that every object of the extension obeys, asked from the catalog; each test names the offenders.
begin;
select plan(13);

create temporary view ours as
select p.oid, p.proname, n.nspname, format('%s.%s(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name,
       p.prosecdef, p.proconfig, p.proacl, p.proowner, l.lanname, p.prokind
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang
 where n.nspname in ('atelier', 'atelier_internal');

select cmp_ok((select count(*) from ours), '>', 30::bigint, 'there are functions to look at');

select is_empty(
    $$ select name from ours where lanname <> 'c' and prokind <> 'p' and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false) $$,
    'every function has search_path = pg_catalog, pg_temp');

-- PostgreSQL lets no procedure commit that has a SET clause, or the rights of its owner.
select is_empty(
    $$ select o.name from ours o join pg_proc p on p.oid = o.oid
        where o.prokind = 'p' and (o.prosecdef or p.prosrc !~ 'begin\s+perform pg_catalog\.set_config\(''search_path'', ''pg_catalog, pg_temp'', true\);'
                                   or regexp_count(p.prosrc, 'perform pg_catalog\.set_config') <> 1 + regexp_count(p.prosrc, 'commit;')) $$,
    'every procedure sets the same path first thing, and again after each commit, and has the rights of its caller alone');

-- The types of its variables are looked up before it can set a path. Compiled anew, it meets those of its caller.
create schema caller;
create function caller.taken(p_value anyelement) returns boolean language plpgsql as $$ begin raise 'trapped' using errcode = 'XX999'; end $$;
do $$
declare
    v_type regtype;
begin
    foreach v_type in array '{uuid,timestamptz}'::regtype[] loop
        execute format('create domain caller.%I as %s check (caller.taken(value))', (select t.typname from pg_type t where t.oid = v_type), v_type);
    end loop;
end
$$;
alter procedure atelier.wait_for security invoker;
set local search_path = caller, pg_catalog, public;
select throws_ok($$ call atelier.wait_for(pg_catalog.gen_random_uuid()) $$, '55000', null, 'a procedure takes no type from its caller''s path');
reset search_path;

select is_empty(
    $$ select name from ours where nspname = 'atelier' and obj_description(oid, 'pg_proc') is null $$,
    'every public function has a comment');

select is_empty(
    $$ select name from ours where has_function_privilege('public', oid, 'execute') $$,
    'no function is granted to PUBLIC');

select is_empty(
    $$ select name from ours where proowner <> 'atelier_owner'::regrole $$,
    'atelier_owner owns every function');

select is_empty(
    $$ select c.oid::regclass from pg_class c
        where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p', 'v', 'S')
          and c.relowner <> 'atelier_owner'::regrole $$,
    'atelier_owner owns every table, view and sequence');

select is_empty(
    $$ select c.oid::regclass, 0 as column_number from pg_class c
        where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p', 'v')
          and not c.relispartition and obj_description(c.oid, 'pg_class') is null
       union all
       select c.oid::regclass, a.attnum from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p', 'v')
          and not c.relispartition and col_description(c.oid, a.attnum) is null $$,
    'every table, every view and each of their columns has a comment');

select is_empty(
    $$ select c.oid::regclass, a.grantee::regrole, a.privilege_type
         from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and a.grantee = 0 $$,
    'nothing is granted to PUBLIC');

select is_empty($$ select m.entity, f.name[1] from atelier.lifecycle_map m cross join lateral regexp_matches(m.moved_by, '([a-z_]+)\(\)', 'g') as f (name)
                    where not exists (select from pg_proc p where p.pronamespace = 'atelier'::regnamespace and p.proname = f.name[1]) $$,
    'lifecycle_map: names functions that exist');

create function pg_temp.unreadable() returns setof text language plpgsql as $$
declare
    v_grant record;
begin
    for v_grant in
        select c.oid::regclass as view, a.grantee::regrole as role from pg_class c, aclexplode(c.relacl) a
         where c.relnamespace = 'atelier'::regnamespace and c.relkind = 'v' and a.privilege_type = 'SELECT'
    loop
        begin
            execute format('set local role %s', v_grant.role);
            execute format('select * from %s limit 0', v_grant.view);
            reset role;
        exception when insufficient_privilege then
            return next format('%s by %s: %s', v_grant.view, v_grant.role, sqlerrm);
        end;
    end loop;
end
$$;
select is_empty('select pg_temp.unreadable()', 'who was granted a view can read it');

-- A session keeps the plan of a trigger, which is made for the first asset that it changes.
insert into atelier.clients (id, name, slug) values ('aaaaaaaa-0000-4000-8000-000000000001', 'A', 'house-a');
insert into atelier.products (id, client_id, name, sku, category) values ('aaaaaaaa-0000-4000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-000000000001', 'Chair', 'C', 'seating');
insert into atelier.generated_assets (client_id, product_id, settings) values ('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', '{}');
create table pg_temp.kept (plan json);
create function pg_temp.keep_plan() returns trigger language plpgsql as $$
declare
    v_plan json;
begin
    execute (select 'explain (format json) select ' || substring(p.prosrc from 'perform ([^;]*);')
               from pg_proc p where p.oid = 'atelier_internal.check_collections_of_changed_assets()'::regprocedure) into v_plan;
    insert into pg_temp.kept values (v_plan);
    return null;
end
$$;
create trigger keep_plan after update on atelier.generated_assets referencing old table as former new table as changed
    for each statement execute function pg_temp.keep_plan();
update atelier.generated_assets set pinned = true;
select ok(plan::text ~ 'Named Tuplestore Scan.*Named Tuplestore Scan' and plan::text !~ 'Nested Loop|Join', 'what the end of assets means is asked without a join, by a plan that serves for one asset and for thousands')
  from pg_temp.kept;

select * from finish();
rollback;
