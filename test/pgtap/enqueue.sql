-- Enqueuing as applications like it: keys that make a repeated call harmless, many requests at once, order under a key, and what a job carries.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

select atelier.create_client('North', 'enqueue-north') as north, atelier.create_client('South', 'enqueue-south') as south \gset
select atelier.set_client_tier(:'north', 'enterprise'), atelier.set_client_tier(:'south', 'enterprise');
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair, atelier.create_product(:'north', 'Bare', 'B', 'seating') as bare, atelier.create_product(:'south', 'Chair', 'C', 'seating') as foreign_chair \gset
insert into atelier.images (client_id, s3_key, status, width, height, file_size, mime_type, sha256)
select c.id, c.slug || '.jpg', 'ready', 1, 1, 1, 'image/jpeg', repeat('ab', 32) from atelier.clients c where c.id in (:'north', :'south');
insert into atelier.product_images (client_id, product_id, image_id)
select i.client_id, p.id, i.id from atelier.images i join atelier.products p on p.client_id = i.client_id and p.id <> :'bare' where i.client_id in (:'north', :'south');
insert into atelier.collections (client_id, name) values (:'north', 'Spring') returning id as spring \gset

create table pg_temp.facts as select :'north'::uuid as north, :'south'::uuid as south, :'chair'::uuid as chair, :'bare'::uuid as bare, :'foreign_chair'::uuid as foreign_chair;
-- A request of North for its chair; what is given goes over that.
create function pg_temp.ask(p_more text default '') returns uuid language plpgsql as $$
declare
    v_asset uuid;
begin
    execute format('select atelier.create_generation_request(f.north, f.chair, pg_temp.whole()%s) from pg_temp.facts f', coalesce(nullif(', ' || p_more, ', '), '')) into v_asset;
    return v_asset;
end
$$;
create function pg_temp.refused(p_more text) returns text language sql as $$ select pg_temp.error_of(format('select pg_temp.ask(%L)', p_more)) $$;
create function pg_temp.job_of(p_asset uuid) returns atelier_internal.jobs language sql as $$ select j from atelier_internal.jobs j where j.subject_id = p_asset $$;
create function pg_temp.state_of(p_asset uuid) returns text language sql as $$
    select coalesce((select j.state || coalesce(':' || j.reason, '') from atelier_internal.jobs j where j.subject_id = p_asset),
                    (select h.state || coalesce(':' || h.error_class, '') from atelier.job_history h where h.subject_id = p_asset), 'gone')
$$;
create function pg_temp.states(p_assets uuid[]) returns text language sql as $$ select string_agg(pg_temp.state_of(a.id), ' ' order by a.n) from unnest(p_assets) with ordinality as a (id, n) $$;

-- What a job carries
select pg_temp.ask($$tags => '{b,a,b}', traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', start_by => now() + interval '1 hour', priority => -7$$) as asset \gset
select row_eq(format('select tags, traceparent, start_by, priority from pg_temp.job_of(%L)', :'asset'),
    row('{b,a}'::text[], '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'::text, now() + interval '1 hour', (-7)::smallint), 'a job has its tags, each once, its trace, its start_by and its priority');
select is(count(*), 1::bigint, 'and a deadline') from atelier_internal.start_deadlines d join atelier_internal.jobs j on j.id = d.job_id where j.subject_id = :'asset';
select matches(pg_temp.refused(r.given), r.expected, 'refused: ' || r.given)
  from (values
    ($$start_by => now() - interval '1 second'$$, '^22023 \| start_by leaves no time to begin'), ($$start_by => now() + interval '1 hour', run_after => now() + interval '2 hours'$$, '^22023 \| start_by leaves no time'),
    ($$start_by => 'infinity'$$, '^22023 \| start_by must be a finite time'), ($$order_key => ''$$, '^22023 \| order_key must have 1 to 200'), ($$order_key => repeat('k', 201)$$, '^22023 \| order_key'),
    ($$idempotency_key => ''$$, '^22023 \| idempotency_key must have 1 to 200'), ($$idempotency_key => repeat('k', 201)$$, '^22023 \| idempotency_key'),
    ($$tags => array[null]$$, '^22023 \| tags are not valid'), ($$tags => '{""}'$$, '^22023 \| tags'), ($$tags => '{{a,b},{c,d}}'$$, '^22023 \| tags are not valid'),
    ($$tags => (select array_agg('t' || g) from generate_series(1, 21) g)$$, '^22023 \| tags are not valid \| Give at most 20'),
    ($$traceparent => '00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01'$$, '^22023 \| traceparent is not valid'),
    ($$traceparent => e'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nX-Evil: 1'$$, '^22023 \| traceparent'), ($$traceparent => '00-00000000000000000000000000000000-b7ad6b7169203331-01'$$, '^22023 \| traceparent'),
    ($$traceparent => '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01'$$, '^22023 \| traceparent'), ($$traceparent => 'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'$$, '^22023 \| traceparent'),
    ($$enqueue => false, tags => '{a}'$$, '^22023 \| a draft has neither'), ($$enqueue => false, order_key => 'k'$$, '^22023 \| a draft has neither')
  ) as r (given, expected);
select pg_temp.ask('enqueue => false') as draft \gset
select lives_ok(format($$select atelier.submit_generation(%L, start_by => now() + interval '1 hour', order_key => 'drafts', tags => '{late}', traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00')$$, :'draft'), 'a draft gets all that when it is submitted');
select row_eq(format('select order_key, tags, start_by is not null, traceparent is not null from pg_temp.job_of(%L)', :'draft'), row('drafts'::text, '{late}'::text[], true, true), 'and its job has it');

-- Idempotency keys
select pg_temp.ask($$idempotency_key => 'order-1', traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'$$) as first \gset
select is(pg_temp.ask($$idempotency_key => 'order-1'$$), :'first'::uuid, 'the same call again returns the same asset, whatever trace it belongs to');
select is(count(*), 1::bigint, 'and makes no second job') from atelier_internal.jobs j where j.subject_id = :'first';
select is(k.job_id, j.id, 'the key knows its job') from atelier_internal.idempotency_keys k, atelier_internal.jobs j where k.key = 'order-1' and j.subject_id = :'first';
select matches(pg_temp.refused($$idempotency_key => 'order-1', priority => 1$$), '^23505 \| idempotency_key "order-1" stands for another request \| It was used first at .* \| Use a new key for a new request', 'another input with the key is refused');
select matches(pg_temp.refused($$idempotency_key => 'order-1', tags => '{a}'$$), '^23505', 'in whatever word it differs');
select isnt(atelier.create_generation_request(:'south', :'foreign_chair', pg_temp.whole(), idempotency_key => 'order-1'), :'first'::uuid, 'another client has keys of its own');
select atelier.cancel_generation(:'first');
select is(pg_temp.ask($$idempotency_key => 'order-1'$$), :'first'::uuid, 'a key stands for its asset whatever became of it');
select is(pg_temp.state_of(:'first'), 'cancelled:cancelled', 'and begins nothing anew');
savepoint before_call;
select pg_temp.ask($$idempotency_key => 'rolled-back'$$) as undone \gset
rollback to before_call;
select isnt(pg_temp.ask($$idempotency_key => 'rolled-back', priority => 3$$), :'undone'::uuid, 'what was rolled back leaves its key free, for other input too');
select pg_temp.ask($$idempotency_key => 'draft', enqueue => false$$) as kept_draft \gset
select is(pg_temp.ask($$idempotency_key => 'draft', enqueue => false$$), :'kept_draft'::uuid, 'a draft has a key as well');
select matches(pg_temp.refused($$idempotency_key => 'failed', collection_id => gen_random_uuid()$$), '^23503', 'a call that fails');
select lives_ok($$select pg_temp.ask('idempotency_key => ''failed''')$$, 'does not use its key up');
select is(k.expires_at, now() + interval '7 days', 'a key stands for 7 days') from atelier_internal.idempotency_keys k where k.client_id = :'north' and k.key = 'order-1';
update atelier_internal.idempotency_keys set expires_at = now() where key in ('order-1', 'draft');
select is(pg_temp.refused($$idempotency_key => 'order-1', priority => 4$$), 'no error', 'one that has expired is free for another request');
select is(k.expires_at, now() + interval '7 days', 'for which it stands from then on') from atelier_internal.idempotency_keys k where k.client_id = :'north' and k.key = 'order-1';
select atelier_internal.forget_idempotency_keys();
select is(array_agg(k.key order by k.key), '{failed,order-1,rolled-back}', 'the others that expired are removed') from atelier_internal.idempotency_keys k where k.client_id = :'north';

-- Many at once
create function pg_temp.ask_many(p_requests text) returns table (place integer, asset_id uuid, job_id uuid, repeated boolean) language plpgsql as $$
begin
    return query execute format('select r.* from pg_temp.facts f, atelier.create_generation_requests(f.north, %s) r', replace(replace(p_requests, '@c', 'f.chair'), '@s', 'pg_temp.whole()'));
end
$$;
create function pg_temp.refused_many(p_requests text) returns text language sql as $$ select pg_temp.error_of(format('select * from pg_temp.ask_many(%L)', p_requests)) $$;
select jsonb_build_object('product_id', :'chair'::uuid, 'settings', pg_temp.whole()) as plain \gset
create temporary table many as select * from atelier.create_generation_requests(:'north', jsonb_build_array(
    :'plain'::jsonb || '{"priority": 9, "tags": ["x"]}',
    :'plain'::jsonb || '{"enqueue": false}',
    :'plain'::jsonb || jsonb_build_object('collection_id', :'spring'::uuid, 'idempotency_key', 'bulk-1', 'provider', null),
    :'plain'::jsonb || '{"idempotency_key": "bulk-2", "run_after": "2999-01-01T00:00:00Z"}',
    :'plain'::jsonb || jsonb_build_object('collection_id', :'spring'::uuid, 'idempotency_key', 'bulk-1'),
    :'plain'::jsonb || '{"order_key": "k", "provider": "offline"}'));
select is(array_agg(m.place order by m.place), '{1,2,3,4,5,6}', 'each request has its row, in their order') from many m;
select is(array_agg(m.repeated order by m.place), '{f,f,f,f,t,f}', 'the second with a key repeats the first') from many m;
select is(a.asset_id, b.asset_id, 'and has its asset') from many a, many b where a.place = 3 and b.place = 5;
select is(a.job_id, b.job_id, 'and its job') from many a, many b where a.place = 3 and b.place = 5;
select is(array_agg(a.status order by m.place), '{pending,draft,pending,pending,pending,pending}', 'they are pending, a draft is one') from many m join atelier.generated_assets a on a.id = m.asset_id;
select is(count(*), 0::bigint, 'every job is that of its asset; a draft has none') from many m join atelier.generated_assets a on a.id = m.asset_id where a.job_id is distinct from m.job_id or (a.job_id is null) <> (m.place = 2);
select row_eq('select j.priority, j.tags from many m join atelier_internal.jobs j on j.id = m.job_id where m.place = 1', row(9::smallint, '{x}'::text[]), 'options are each request''s own');
select is(pg_temp.state_of(m.asset_id), 'waiting:deferred', 'also its time') from many m where m.place = 4;
select is(a.collection_id, :'spring'::uuid, 'and its collection') from many m join atelier.generated_assets a on a.id = m.asset_id where m.place = 3;
select results_eq($$select r.asset_id, r.job_id, r.repeated from pg_temp.ask_many('jsonb_build_array(jsonb_build_object(''product_id'', @c, ''settings'', @s, ''idempotency_key'', ''bulk-2'', ''run_after'', ''2999-01-01T01:00:00+01''))') r$$,
    $$select m.asset_id, m.job_id, true from many m where m.place = 4$$, 'asked again, another time zone being no other time, the job of the first call comes back');
select is(atelier.create_generation_request(:'north', :'chair', pg_temp.whole(), run_after => '2999-01-01T00:00:00Z', idempotency_key => 'bulk-2'), m.asset_id, 'alone too: it is the same request') from many m where m.place = 4;
-- Time passes for a key: what it stands for had a start_by that is over.
select pg_temp.ask($$idempotency_key => 'in-time', start_by => now() + interval '1 hour'$$) as in_time \gset
update atelier_internal.idempotency_keys set input_hash = atelier_internal.input_hash(atelier_internal.request_input(
    :'chair', pg_temp.whole(), null, 'image', null, null, 0, null, true, '2026-01-01T00:00:00Z', null, null)) where key = 'in-time';
select is(pg_temp.ask($$idempotency_key => 'in-time', start_by => '2026-01-01T00:00:00Z'$$), :'in_time'::uuid, 'a repeated call is answered though its start_by has passed');
select results_eq($$select r.asset_id, r.repeated from pg_temp.ask_many('jsonb_build_array(jsonb_build_object(''product_id'', @c, ''settings'', @s, ''idempotency_key'', ''in-time'', ''start_by'', ''2026-01-01T00:00:00Z''))') r$$,
    format('values (%L::uuid, true)', :'in_time'), 'among many as well');
select matches(pg_temp.refused_many(r.given), r.expected, 'refused: ' || r.given)
  from (values
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', @c, 'settings', @s, 'idempotency_key', 'too-late', 'start_by', '2026-01-01T00:00:00Z'))$$, '^22023 \| request 2: start_by leaves no time to begin \| It is .* \| Give a time that is still to come.* Nothing was asked for'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s, 'run_after', 'infinity'))$$, '^22023 \| request 1: run_after must be a finite time'),
    ($$'{}'$$, '^22023 \| requests must be a JSON array'), ($$'[]'$$, '^22023 \| requests must have 1 to 10000 elements \| It has 0'), ($$null$$, '^22004 \| requests must not be null'),
    ($$'[1]'$$, '^22023 \| request 1: it is no JSON object'), ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), '{}'::jsonb)$$, '^22004 \| request 2: product_id must not be null'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c))$$, '^22004 \| request 1: settings must not be null'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s, 'prio', 1))$$, '^22023 \| request 1: "prio" is not known \| A request may have: product_id,'),
    ($$jsonb_build_array(jsonb_build_object('product_id', 'x', 'settings', @s))$$, '^22P02 \| request 1: invalid input syntax for type uuid'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s, 'run_after', 'soon'))$$, '^22007 \| request 1: '), ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s, 'tags', 'x'))$$, '^22023 \| request 1: tags are not valid'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s, 'priority', 101))$$, '^22023 \| request 1: priority 101 is out of range'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', f.foreign_chair, 'settings', @s))$$, '^23503 \| request 2: product not found \| Client .* has no product'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', @c, 'settings', @s, 'collection_id', gen_random_uuid()))$$, '^23503 \| request 2: collection not found'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', @c, 'settings', @s || '{"style": "loud"}'))$$, '^22023 \| request 2: setting "style" has an unknown value \| .* \| Allowed are: .*Nothing was asked for; the first of the requests is request 1\.'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', f.bare, 'settings', @s))$$, '^55000 \| request 2: product has no photo'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', @c, 'settings', @s, 'provider', 'nobody'))$$, '^42704 \| request 2: provider "nobody" does not exist'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', @c, 'settings', @s, 'type', 'video'))$$, '^0A000 \| request 2: assets of type video cannot be made'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s), jsonb_build_object('product_id', @c, 'settings', @s, 'idempotency_key', 'bulk-1'))$$, '^23505 \| request 2: idempotency_key "bulk-1" stands for another request \| It was used first'),
    ($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s, 'idempotency_key', 'twice'), jsonb_build_object('product_id', @c, 'settings', @s, 'idempotency_key', 'twice', 'priority', 1))$$, '^23505 \| request 2: .* \| Request 1 has it too')
  ) as r (given, expected);
select is(count(*), 0::bigint, 'what is refused uses no key up') from atelier_internal.idempotency_keys k where k.key = 'twice';
select atelier.set_client_tier(:'north', 'enterprise', 0);
select matches(pg_temp.refused_many($$jsonb_build_array(jsonb_build_object('product_id', @c, 'settings', @s))$$), '^53400 \| request 1: generation limit of the day exceeded', 'the limits of the client hold');
select atelier.set_client_tier(:'north', 'enterprise');

-- Order under a key
select atelier_internal.cancel_jobs(array(select j.id from atelier_internal.jobs j), 'the test goes on');
delete from pg_temp.orders;
select array_agg(pg_temp.ask($$order_key => 'chair'$$)) as line from generate_series(1, 4) \gset
select is(pg_temp.states(:'line'), 'waiting waiting:order waiting:order waiting:order', 'the first of a key can run, the others wait for their turn');
select is(pg_temp.states(array[pg_temp.ask($$order_key => 'table'$$), atelier.create_generation_request(:'south', :'foreign_chair', pg_temp.whole(), order_key => 'chair')]), 'waiting waiting', 'another key, or the key of another client, is no matter of theirs');
select row_eq(format($$select j.subject_id, k.state, k.waiting, k.waiting_since is not null from atelier.ordered_keys k join atelier_internal.jobs j on j.id = k.job_id where k.client_id = %L and k.order_key = 'chair'$$, :'north'),
    row((:'line'::uuid[])[1], 'waiting'::text, 3::bigint, true), 'the view shows who is first, and how many wait');
select pg_temp.lease_all();
select is(pg_temp.states(:'line'), 'leased waiting:order waiting:order waiting:order', 'one at a time');
select pg_temp.fail((:'line'::uuid[])[1], 'overloaded', 'busy');
select atelier_internal.resolve_dependencies();
select is(pg_temp.states(:'line'), 'waiting:retry waiting:order waiting:order waiting:order', 'a retry keeps the others waiting');
update atelier_internal.jobs set run_after = now() where subject_id = (:'line'::uuid[])[1];
update atelier_internal.deferrals set run_after = now() where job_id = (pg_temp.job_of((:'line'::uuid[])[1])).id;
select atelier_internal.promote(10);
select atelier.cancel_generation((:'line'::uuid[])[2]);
select atelier_internal.resolve_dependencies();
select is(pg_temp.states(:'line'), 'waiting cancelled:cancelled waiting:order waiting:order', 'one from the middle can be cancelled');
select pg_temp.lease_all();
select pg_temp.fail((:'line'::uuid[])[1], 'content_blocked', 'no');
select atelier_internal.resolve_dependencies();
select is(pg_temp.states(:'line'), 'failed:content_blocked cancelled:cancelled waiting waiting:order', 'when the first has failed for good the next one goes');
select pg_temp.lease_all();
select pg_temp.succeed((:'line'::uuid[])[3]);
select atelier_internal.resolve_dependencies();
select is(pg_temp.states(:'line'), 'failed:content_blocked cancelled:cancelled completed waiting', 'and when one is done');
select is(count(*), 0::bigint, 'no check is left') from atelier_internal.order_checks;
select is(pg_temp.state_of(pg_temp.ask($$order_key => 'chair'$$)), 'waiting:order', 'one that comes later stands behind what is there');
select is(count(*), 1::bigint, 'and asks for a look, since that may be ending just now') from atelier_internal.order_checks;

-- What else a job waits for, it waits for when its turn has come
select pg_temp.ask($$order_key => 'late'$$) as head \gset
select pg_temp.ask($$order_key => 'late', run_after => now() + interval '1 hour', start_by => now() + interval '2 hours'$$) as later \gset
select atelier.register_image(:'north', 'enqueue/pending.jpg') as pending \gset
select pg_temp.ask(format('order_key => ''late'', scene_image_id => %L', :'pending')) as dependent \gset
select is(pg_temp.states(array[:'head', :'later', :'dependent']::uuid[]), 'waiting waiting:order waiting:order', 'a job that is deferred or waits for another one waits for its turn first');
select pg_temp.lease_all();
select pg_temp.succeed(:'head');
select atelier_internal.resolve_dependencies();
select is(pg_temp.states(array[:'later', :'dependent']::uuid[]), 'waiting:deferred waiting:order', 'then for its time, and keeps the others waiting');
select is(count(*), 1::bigint, 'with a deferral') from atelier_internal.deferrals d where d.job_id = (pg_temp.job_of(:'later')).id;
select is_empty($$select rule, detail from atelier.consistency_report where entity = 'job'$$, 'the report of consistency knows nothing against it');
update atelier_internal.deferrals set run_after = now() where job_id = (pg_temp.job_of(:'later')).id;
update atelier_internal.jobs set run_after = now() where subject_id = :'later';
select atelier_internal.promote(10);
select atelier.cancel_generation(:'later');
select atelier_internal.resolve_dependencies();
select is(pg_temp.state_of(:'dependent'), 'waiting:dependency', 'then for the jobs that it needs');
select pg_temp.succeed(:'pending');
select is(pg_temp.state_of(:'dependent'), 'waiting', 'and runs');
select pg_temp.ask(format('order_key => ''late'', scene_image_id => %L', :'pending')) as behind \gset
select is(pg_temp.state_of(:'behind'), 'waiting:order', 'one whose prerequisites are done waits for its turn alone');
select atelier.register_image(:'north', 'enqueue/bad.jpg') as bad \gset
select pg_temp.ask(format('order_key => ''late'', scene_image_id => %L, run_after => now() + interval ''1 hour''', :'bad')) as scheduled \gset
select pg_temp.lease_all();
select pg_temp.succeed(:'bad');
select is(pg_temp.states(array[:'behind', :'scheduled']::uuid[]), 'waiting:order waiting:order', 'prerequisites that complete do not let a job go before its turn');

-- What failed and is done again keeps its key, and what else its job carried
select atelier_internal.cancel_jobs(array(select j.id from atelier_internal.jobs j), 'the test goes on');
select array_agg(pg_temp.ask($$order_key => 'again', tags => '{again}', priority => 7, traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'$$)) as again from generate_series(1, 3) \gset
create function pg_temp.carried(p_asset uuid) returns text language sql as $$ select concat_ws(' ', j.order_key, j.tags, j.priority, j.traceparent) from pg_temp.job_of(p_asset) as j $$;
select pg_temp.carried((:'again'::uuid[])[1]) as carried \gset
select pg_temp.lease_all();
select pg_temp.fail((:'again'::uuid[])[1], 'content_blocked', 'no');
select atelier_internal.resolve_dependencies();
select atelier.retry_asset((:'again'::uuid[])[1]);
select is(pg_temp.states(:'again'), 'waiting:order waiting waiting:order', 'an asset that is tried again waits at the end of its key');
select is(pg_temp.carried((:'again'::uuid[])[1]), :'carried', 'with key, tags, priority and trace');
select pg_temp.lease_all();
select pg_temp.fail((:'again'::uuid[])[2], 'content_blocked', 'no');
select atelier_internal.resolve_dependencies();
select is(count(r.new_job_id), 1::bigint, 'a dead letter is redriven') from atelier.redrive('{"tag": "again"}') r;
select is(pg_temp.states(:'again'), 'waiting:order waiting:order waiting', 'and waits at the end of its key');
select is(pg_temp.carried((:'again'::uuid[])[2]), :'carried', 'with key, tags, priority and trace as well');
select is(array_agg(j.subject_id order by o.sequence), (select array[a[3], a[1], a[2]] from (select :'again'::uuid[] as a) l), 'their places are behind what was asked for before')
  from atelier_internal.ordered_jobs o join atelier_internal.jobs j on j.id = o.job_id where o.order_key = 'again';
insert into atelier_internal.history_failed (ring, job_id, instance, pipeline, lane_id, client_id, attempts, crashes, created_at, state, step, error_class, error_message, input, order_key)
select 0, gen_random_uuid(), atelier_internal.instance_id(), 'generate_image', j.lane_id, j.client_id, 1, 0, now() - g * interval '1 hour', 'failed', 1, 'content_blocked', 'test', jsonb_build_object('n', g), 'as-it-was'
  from generate_series(1, 2) g, (select * from atelier_internal.jobs order by id limit 1) j;
select is(count(*), 2::bigint, 'jobs that are enqueued as they were') from atelier_internal.redrive_as_it_was(array(select h.job_id from atelier_internal.history_failed h where h.order_key = 'as-it-was'));
select is(array_agg(concat_ws(' ', j.input ->> 'n', j.reason) order by j.order_sequence), '{2,1 order}', 'keep their key too, the oldest first') from atelier_internal.jobs j where j.order_key = 'as-it-was';

-- An owner of the key that ends in the worker's own transaction lets the next one go in it; a key without jobs is forgotten.
select atelier_internal.cancel_jobs(array(select j.id from atelier_internal.jobs j), 'the test goes on');
select atelier_internal.resolve_dependencies();
select is(count(*), 0::bigint, 'jobs that ended have no place') from atelier_internal.ordered_jobs;
select pg_temp.ask($$order_key => 'alive'$$) as alive \gset
-- As many as an application that has a key for everything leaves in an hour
insert into atelier_internal.order_keys (client_id, order_key, last_sequence) select :'north', 'idle-' || g, 1 from generate_series(1, 20000) g;
insert into atelier_internal.idempotency_keys (client_id, key, input_hash, asset_id, expires_at) select :'north', 'idle-' || g, '', :'north', now() from generate_series(1, 120000) g;
select atelier_internal.maintain();
select is(count(*), 0::bigint, 'the maintenance forgets all keys that have expired, however many') from atelier_internal.idempotency_keys k where k.key like 'idle-%';
select is(array_agg(k.order_key), '{alive}', 'the maintenance forgets keys without jobs') from atelier_internal.order_keys k;
select pg_temp.ask($$order_key => 'alive'$$) as behind_alive \gset
select is(pg_temp.state_of(:'behind_alive'), 'waiting:order', 'and no other');

-- A database that was restored
update atelier_internal.jobs set instance = instance + 1;
update atelier_internal.queue_entries set instance = instance + 1;
select atelier_internal.resolve_dependencies();
select is(pg_temp.states(array[:'alive', :'behind_alive']::uuid[]), 'waiting waiting:order', 'jobs of another database are left alone');
select atelier_internal.cancel_jobs(array[(pg_temp.job_of(:'alive')).id], 'in the original');
select atelier_internal.resolve_dependencies();
select is(pg_temp.state_of(:'behind_alive'), 'waiting:order', 'also when the first of a key is gone');
select atelier.adopt_jobs();
select is(pg_temp.state_of(:'behind_alive'), 'waiting:order', 'adopted, it keeps its place');
select atelier_internal.resolve_dependencies();
select is(pg_temp.state_of(:'behind_alive'), 'waiting', 'and goes when it is looked at');

-- Collections pass the options on
select is_empty($$select rule, detail from atelier.consistency_report where entity = 'job'$$, 'the report of consistency is empty to the end');
select * from finish();
rollback;
