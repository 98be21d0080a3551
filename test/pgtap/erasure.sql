-- Erasure of clients and users: nothing names them afterwards, sums stay, nobody else is touched. The audit log.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();
create role erasure_app in role atelier_app;
create role erasure_admin in role atelier_admin;
create role erasure_observer in role atelier_observer;

-- All rows of both schemas that say a name, by table; the queue of deletions apart, which must know the keys.
create function pg_temp.named(p_names text[], p_but text default 'object_deletions') returns setof text language plpgsql as $$
declare
    v_table regclass;
begin
    for v_table in
        select c.oid from pg_class c where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind = 'r' and c.relname <> p_but
         order by c.oid
    loop
        return query execute format('select format(''%1$s: %%s'', t) from %1$s t cross join unnest($1) n (name) where strpos(lower(t::text), lower(n.name)) > 0', v_table) using p_names;
    end loop;
end
$$;
-- What stands anywhere for a client, as one hash by table.
create function pg_temp.rows_of(p_client uuid) returns table (name text, rows text) language plpgsql as $$
declare
    v_table record;
begin
    for v_table in
        select c.oid::regclass as name, case c.relname when 'clients' then 'id' else 'client_id' end as client from pg_class c
         where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p') and not c.relispartition
           and (c.relname = 'clients' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'client_id'))
    loop
        return query execute format('select %L, md5(string_agg(t::text, '' '' order by t::text)) from %s t where t.%I = $1', v_table.name, v_table.name, v_table.client) using p_client;
    end loop;
end
$$;
-- What a command is refused with; one that is not leaves nothing behind.
create function pg_temp.refusal_of(p_command text) returns text language sql as $$
    select pg_temp.error_of(format('do $x$ begin %s; raise exception ''it is not refused''; end $x$', p_command))
$$;
create function pg_temp.asset(p_client uuid, p_product uuid, p_status text) returns uuid language plpgsql as $$
declare
    v_id uuid := atelier.create_generation_request(p_client, p_product, pg_temp.whole(), enqueue => p_status <> 'draft',
        run_after => case when p_status = 'pending' then now() + interval '1 hour' end);
begin
    if p_status in ('generating', 'completed', 'error') then
        perform pg_temp.lease_all();
    end if;
    if p_status = 'completed' then
        perform pg_temp.succeed(v_id, '{"size": 99}');
    elsif p_status = 'error' then
        perform pg_temp.fail(v_id, 'content_blocked', format('the picture clients/%s/x is refused', p_client));
    end if;
    return v_id;
end
$$;
-- A client with something of everything, and two users.
create function pg_temp.studio(p_slug text, out client uuid, out product uuid, out photo uuid, out keys text[]) language plpgsql as $$
declare
    v_collection uuid;
    v_asset uuid;
begin
    client := atelier.create_client('Studio ' || p_slug, p_slug);
    product := atelier.create_product(client, 'Chair', 'C-' || p_slug, 'seating');
    photo := atelier.register_image(client, p_slug || '/chair.jpg');
    perform atelier.add_product_image(product, photo);
    perform pg_temp.lease_all();
    perform pg_temp.succeed(photo);
    perform pg_temp.asset(client, product, s) from unnest(array['draft', 'error', 'completed', 'pending']) as s;
    v_asset := pg_temp.asset(client, product, 'completed');
    perform atelier.soft_delete_asset(v_asset);
    v_asset := pg_temp.asset(client, product, 'completed');
    perform atelier.regenerate_asset(v_asset), atelier.pin_asset(v_asset), atelier.soft_delete_asset(v_asset), atelier.restore_asset(v_asset);
    v_collection := atelier.create_collection(client, 'Autumn', array[product]);
    perform atelier.add_inspiration(v_collection, photo);
    perform atelier.analyze_collection(v_collection);
    perform atelier.delete_collection(atelier.create_collection(client, 'Winter'));
    insert into atelier.images (client_id, store, s3_bucket, s3_key) values (client, 'media', 'photos', format('clients/%s/uploads/%s.png', client, p_slug));
    insert into atelier.uploads (image_id, client_id, filename, content_type, size, expires_at)
    select i.id, client, 'a.png', 'image/png', 5, now() from atelier.images i where i.client_id = client and i.store = 'media';
    perform atelier_internal.queue_deletions(array[row('file', '', format('clients/%s/generated/old.png', client), null)::atelier_internal.deletion_request], 'test');
    insert into atelier_internal.ledger (client_id, job_id, attempt_id, provider, model, unit, quantity, cost, currency)
    select client, gen_random_uuid(), n, 'studio', 'm', 'image', n, n * 0.04, 'USD' from generate_series(1, 3) n;
    perform atelier_internal.raise_alert('client_assets:' || client, format('client %s has many assets', client), 'Look.');
    perform atelier_internal.raise_alert('store_' || md5(p_slug), format('object clients/%s/x cannot be read', client), 'Look.');
    keys := array(select i.s3_key from atelier.images i where i.client_id = client);
end
$$;

create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
insert into atelier.users (email, name) values ('ann@north.example', 'Ann'), ('joann@north.example', 'Joann');
select id as ann from atelier.users where name = 'Ann' \gset
select id as joann from atelier.users where name = 'Joann' \gset
select * from pg_temp.studio('erasure-north') \gset north_
select * from pg_temp.studio('erasure-south') \gset south_
insert into atelier.members (user_id, client_id, role, status)
values (:'ann', :'north_client', 'owner', 'active'), (:'ann', :'south_client', 'member', 'active'), (:'joann', :'south_client', 'owner', 'active');
update atelier_internal.lanes set gate = 'resting', gate_until = now() + interval '1 minute', gate_reason = format('clients/%s/x: slow down', :'north_client') where provider = 'file';
-- One that is being made, and one whose answer comes late.
select pg_temp.asset(:'north_client', :'north_product', 'generating') as making \gset
select job_id as late_job from atelier.generated_assets where id = :'making' \gset
select a.id as late_attempt, a.image_id as late_image from atelier_internal.attempts a where a.job_id = :'late_job' \gset

select array_agg(j.image_id) as open from atelier_internal.jobs j where j.client_id = :'north_client' and j.image_id is not null and j.pipeline = 'generate_image' \gset

-- The audit log
select max(id) as seen from atelier.audit_log \gset
select is_empty($$ select a from unnest(array['asset.deleted', 'asset.restored', 'collection.deleted']) as a
                    where not exists (select from atelier.audit_log l where l.action = a and l.entity_id is not null and l.client_id is not null and l.role = current_user) $$,
    'S0-17, S0-20: deletion and undo stand in the audit log');
select atelier.pause_lane('file'), atelier.resume_lane('file'), atelier.set_lane_limit('file', '', 7);
insert into atelier.prices (provider, unit, price, since) values ('p', 'u', 1, '2026-01-01');
update atelier.prices set price = 2 where provider = 'p';
delete from atelier.prices where provider = 'p';
select atelier_internal.raise_alert('a_test', 'm', 'h'), atelier.resolve_alert('a_test');
select atelier.cancel_job(job_id, 'enough') from atelier.generated_assets where client_id = :'south_client' and status = 'pending' order by id limit 1;
select atelier.adopt_jobs();
select results_eq(
    format('select action, count(*)::integer from atelier.audit_log where id > %s group by 1 order by 1', :seen),
    $$ values ('alert.resolved', 1), ('job.cancelled', 1), ('jobs.adopted', 1), ('lane.limited', 1), ('lane.paused', 1), ('lane.resumed', 1), ('price.changed', 1), ('price.removed', 1) $$,
    'S3-57: so does what operators do, each act once');
select is(details #>> '{new,price}', '2', 'with its facts') from atelier.audit_log where action = 'price.changed';
select is(pg_temp.refusal_of(command), '42501 | the audit log cannot be changed | ' || split_part(upper(command), ' ', 1)
          || ' was refused. | It is append-only. atelier.erase_client() and atelier.erase_user() blank in it what names whom they erase.', 'S3-57: ' || command)
  from unnest(array['update atelier_internal.audit_log set action = ''x''', 'update atelier_internal.audit_log set details = ''{}''', 'update atelier_internal.audit_log set client_id = null',
                    'delete from atelier_internal.audit_log', 'truncate atelier_internal.audit_log']) as command;
set local role atelier_owner;
select matches(pg_temp.refusal_of('delete from atelier_internal.audit_log'), '^42501', 'S3-57: its owner is refused too');
reset role;
select is(count(*), 0::bigint, 'S3-57: an erasure that is rolled back leaves the log as it was') from atelier.audit_log where action like '%.erased';

-- Who may
select matches(pg_temp.error_of(format('set local role %s; select atelier.%s(gen_random_uuid())', r, f)), '^42501 \| permission denied for function ' || f, format('S3-57: %s by %s', f, r))
  from unnest(array['erasure_app', 'erasure_observer']) r, unnest(array['erase_client', 'erase_user']) f;
reset role;
select matches(pg_temp.error_of(format('set local role erasure_app; select * from atelier.%s', v)), '^42501 ', format('S3-57: an application does not read %s', v)) from unnest(array['audit_log', 'erasure_log']) v;
reset role;
select is(pg_temp.error_of('select atelier.erase_client(null)'), '22004 | client_id must not be null | Give a value for client_id.', 'S3-57: client NULL');
select is(pg_temp.error_of('select atelier.erase_user(null)'), '22004 | user_id must not be null | Give a value for user_id.', 'S3-57: user NULL');
select matches(pg_temp.error_of('select atelier.erase_client(gen_random_uuid())'), '^23503 \| client not found \| There is no client .* \| ', 'S3-57: an unknown client');
select matches(pg_temp.error_of('select atelier.erase_user(gen_random_uuid())'), '^23503 \| user not found \| There is no user .* \| ', 'S3-57: an unknown user');
select matches(pg_temp.error_of(format('do $x$ begin perform atelier_internal.enter_context(%L, null, false); perform atelier.erase_client(%L); end $x$', :'north_client', :'north_client')),
               '^55000 \| an erasure concerns all clients \| .* \| Do it in a transaction without atelier.set_context\(\)', 'S3-57: in a transaction that works for one client');
update atelier.clients set legal_hold = 'case 12' where id = :'north_client';
select is(pg_temp.refusal_of(format('perform atelier.erase_client(%L)', :'north_client')),
    format('55000 | client cannot be erased: there is a legal hold | Client %1$s is held: case 12 | When it has ended: SELECT atelier.release_legal_hold(%1$L);', :'north_client'), 'S3-57: not under legal hold');
select matches(pg_temp.refusal_of(format('perform atelier.erase_user(%L)', :'ann')), '^55000 \| user cannot be erased: there is a legal hold \| ', 'S3-57: nor a user of that client');
update atelier.clients set legal_hold = null where id = :'north_client';
create table public.erasure_others (client_id uuid references atelier.clients);
insert into public.erasure_others values (:'north_client');
select matches(pg_temp.error_of(format('select atelier.erase_client(%L)', :'north_client')),
    '^23503 \| client cannot be erased: rows of another table refer to it \| Key .*is still referenced from table "erasure_others". \| That table is none of pg_atelier', 'S3-57: a table of somebody else holds it');
drop table public.erasure_others;

-- The erasure
create table pg_temp.before as select * from pg_temp.rows_of(:'south_client');
create table pg_temp.ledger_before as select provider, model, unit, currency, sum(quantity) as quantity, sum(cost) as cost, count(*) as entries from atelier_internal.ledger group by 1, 2, 3, 4;
create table pg_temp.cursor_before as select e.* from atelier.events_after() e where e.client_id = :'south_client';
select count(*) as events from atelier_internal.events \gset
select cmp_ok((select count(*) from pg_temp.named(array[:'north_client'])), '>', 50::bigint, 'fixture: the client is named everywhere');
set local role erasure_admin;
select atelier.erase_client(:'north_client') as tombstone \gset
reset role;
select is_empty(format('select * from pg_temp.named(array[%L, %L] || %L::text[])', :'north_client', 'erasure-north', :'north_keys'), 'S3-57, X-22: no row of any table names client, slug or keys');
select results_eq('select * from pg_temp.rows_of(' || quote_literal(:'south_client') || ') order by 1', 'select * from pg_temp.before order by 1', 'S2-67: nothing of another client has changed');
select results_eq($$ select provider, model, unit, currency, sum(quantity), sum(cost), count(*) from atelier_internal.ledger group by 1, 2, 3, 4 order by 1, 2, 3, 4 $$,
    'select * from pg_temp.ledger_before order by 1, 2, 3, 4', 'S3-57: the sums of the ledger stay');
select is((select count(*) from atelier.usage_ledger where client_id = :'tombstone'), 3::bigint, 'under the tombstone');
select is((select count(*) from atelier_internal.events) >= :events, true, 'S3-57: the order of events has no gap');
select is_empty(format('select * from atelier_internal.events where client_id = %L and (kind, data) is distinct from (''erased'', ''{}''::jsonb)', :'tombstone'), 'those of the client say nothing');
select is(row(e.role, e.what, e.counts ->> 'generated_assets', e.counts ->> 'products', e.counts ->> 'ledger', (e.counts ->> 'objects')::bigint = e.objects_left)::text, '(erasure_admin,client,8,1,3,t)', 'S3-57: the erasure log counts')
  from atelier.erasure_log e where e.tombstone = :'tombstone';
select set_eq($$ select d.key from atelier_internal.object_deletions d where d.tombstone is not null $$,
    format($$ select unnest(%L::text[]) union select 'clients/%2$s/generated/old.png' union select format('clients/%2$s/generated/%%s.jpg', i.id) from unnest(%3$L::uuid[]) as i (id) $$, :'north_keys', :'north_client', :'open'),
    'S3-57: its objects are queued for deletion, also what an attempt may have left');
select is((select count(*) from atelier_internal.jobs where client_id = :'north_client'), 0::bigint, 'X-58: its jobs have ended');
select isnt_empty(format('select from atelier_internal.cancellations where attempt_id = %s', :late_attempt), 'X-58: what is under way is aborted');
select is((select array_agg(action) from atelier.audit_log where client_id = :'tombstone' and details <> '{}'), null, 'S3-57: the audit log keeps acts without facts');
select isnt_empty(format('select from atelier.audit_log where client_id = %L and action = ''asset.deleted'' and entity_id is null', :'tombstone'), 'but the acts');
select is((select count(*) from atelier.audit_log where action = 'client.erased' and entity_id = :'tombstone' and role = 'erasure_admin'), 1::bigint, 'S3-57: and the erasure itself');
select matches(pg_temp.error_of(format('select atelier.restore_asset(%L)', :'making')), '^P0002 \| asset not found \| There is no asset', 'X-22: undo finds nothing');
select matches(pg_temp.error_of(format('select atelier.erase_client(%L)', :'north_client')), '^23503 \| client not found', 'S3-57: a second time it is unknown');
select matches(pg_temp.error_of('update atelier_internal.audit_log set action = ''x'''), '^42501', 'S3-57: also after an erasure an act stays what it was');
select matches(pg_temp.error_of('update atelier_internal.audit_log set client_id = gen_random_uuid()'), '^42501', 'nobody is put in another one''s place');
select matches(pg_temp.refusal_of('delete from atelier_internal.audit_log'), '^42501', 'and nothing leaves');

-- The answer that comes late
create function pg_temp.late(p_attempt bigint, p_outcome jsonb) returns void language sql as $$
    select atelier_internal.settle(4711, jsonb_build_array(jsonb_build_object('lease', o.body -> 'lease', 'sent', true, 'duration_ms', 5,
        'usage', '[{"unit": "image", "quantity": 1, "cost": 0.04, "currency": "USD"}]'::jsonb) || p_outcome))
      from pg_temp.orders o where o.attempt = p_attempt
$$;
select pg_temp.late(:late_attempt, jsonb_build_object('outcome', 'failed', 'error', jsonb_build_object('class', 'storage_failed', 'message', format('clients/%s/generated/x.png: denied', :'north_client')),
    'result', jsonb_build_object('object', jsonb_build_object('store', 'file', 'key', format('clients/%s/generated/%s.png', :'north_client', :'late_image')))));
select is((select (client_id = :'tombstone', cost)::text from atelier.usage_ledger where attempt_id = :late_attempt and provider = 'offline'), '(t,0.04)', 'S3-57, X-58: what a late answer has cost is entered under the tombstone');
select is_empty(format('select * from pg_temp.named(array[%L])', :'north_client'), 'X-58: it names nobody');
select isnt_empty(format('select from atelier_internal.object_deletions where key = %L', format('clients/%s/generated/%s.png', :'north_client', :'late_image')), 'X-58: and what it stored is queued for deletion');

-- The objects go, and the keys with them. As the worker would: plan, lease, answer.
create function pg_temp.delete_all() returns void language plpgsql as $$
begin
    update atelier_internal.object_deletions set run_after = now();
    perform atelier_internal.promote(1000), pg_temp.lease_all();
    perform atelier_internal.settle(4711, (
        select jsonb_agg(jsonb_build_object('lease', o.body -> 'lease', 'sent', true, 'duration_ms', 1, 'outcome', 'completed',
                   'result', jsonb_build_object('deleted', (select jsonb_agg(e.entry -> 'key') from jsonb_array_elements(o.body #> '{request,objects}') e (entry)), 'missing', '[]'::jsonb, 'failed', '[]'::jsonb)))
          from pg_temp.orders o join atelier_internal.jobs j on j.attempt_id = o.attempt where j.pipeline = 'delete_objects'));
end
$$;
select pg_temp.delete_all();
select is_empty(format('select * from pg_temp.named(array[%L, %L] || %L::text[], '''')', :'north_client', 'erasure-north', :'north_keys'), 'S3-57: when its objects are gone no row at all names the client');
select is((select objects_left from atelier.erasure_log where tombstone = :'tombstone'), 0::bigint, 'and the erasure log says so');

-- A user
select atelier_internal.audit('member.added', 'member', null, :'south_client', jsonb_build_object('user', :'ann', 'email', 'Ann@north.example'));
select atelier_internal.audit('member.added', 'member', null, :'south_client', jsonb_build_object('email', 'joann@north.example'));
select atelier_internal.audit('user.created', 'user', :'ann', null, '{"name": "Ann"}');
do $$ begin perform atelier_internal.enter_context(client_id, user_id, false), atelier_internal.audit('test.done', 'asset', null, client_id, '{"a": 1}')
        from atelier.members where role = 'member'; raise sqlstate 'AA000'; exception when sqlstate 'AA000' then null; end $$;
insert into atelier_internal.audit_log (user_id, client_id, action, entity, details) values (:'ann', :'south_client', 'test.done', 'asset', '{"a": 1}');
set local role erasure_admin;
select atelier.erase_user(:'ann') as stone \gset
reset role;
select is_empty(format('select * from pg_temp.named(array[%L], '''')', :'ann'), 'S3-57: no row of any table names the user');
select is((select count(*) from pg_temp.named(array['ann@north.example'])), 2::bigint, 'S3-57: nor the address, which is the end of somebody else''s');
select is((select array_agg(name order by name) from atelier.users where email like '%@north.example'), array['Joann'], 'who stays');
select is((select row(user_id = :'stone', client_id = :'south_client', details)::text from atelier.audit_log where action = 'test.done'), '(t,t,"{""a"": 1}")', 'S3-57: what the user did stands under the tombstone');
select is((select row(what, counts)::text from atelier.erasure_log where tombstone = :'stone'), '(user,"{""users"": 1, ""members"": 1, ""audit_log"": 3}")', 'S3-57: the erasure log counts');
select is_empty($$ select attrelid::regclass from pg_attribute a join pg_class c on c.oid = a.attrelid
                    where a.attname = 'user_id' and c.relkind in ('r', 'p') and c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
                      and c.oid not in ('atelier.members'::regclass, 'atelier_internal.audit_log'::regclass) $$, 'S3-57: no other table keeps users');
select is(pg_temp.error_of($$ select atelier.erase_user(u.id) from atelier.users u where u.name = 'Joann' $$), 'no error', 'an owner too');

select * from finish();
rollback;
