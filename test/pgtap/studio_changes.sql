-- What can be done with assets afterwards, and what becomes of results that nobody wants any more.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

select atelier.create_client('North', 'changes-north') as north, atelier.create_client('South', 'changes-south') as south \gset
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair, atelier.create_product(:'south', 'Chair', 'C', 'seating') as foreign_chair \gset
select atelier.register_image(:'north', 'changes/chair.jpg') as photo, atelier.register_image(:'south', 'changes/south.jpg') as foreign_photo \gset
select atelier.add_product_image(:'chair', :'photo'), atelier.add_product_image(:'foreign_chair', :'foreign_photo');
select pg_temp.lease_all();
select pg_temp.succeed(:'photo'), pg_temp.succeed(:'foreign_photo');

-- An asset in the wanted status; pending ones are for later, queued ones may be leased.
create function pg_temp.request(p_client text, p_product text, p_status text) returns uuid
language plpgsql as $$
declare
    v_id uuid := atelier.create_generation_request(p_client::uuid, p_product::uuid, pg_temp.whole(), enqueue => p_status <> 'draft',
        run_after => case when p_status = 'pending' then now() + interval '1 hour' end);
begin
    if p_status in ('generating', 'completed', 'error') then
        perform pg_temp.lease_all();
    end if;
    if p_status = 'completed' then
        perform pg_temp.succeed(v_id);
    elsif p_status = 'error' then
        perform pg_temp.fail(v_id, 'content_blocked', 'refused');
    end if;
    return v_id;
end
$$;
select pg_temp.request(:'north', :'chair', 'draft') as draft, pg_temp.request(:'north', :'chair', 'error') as failed, pg_temp.request(:'north', :'chair', 'completed') as completed,
       pg_temp.request(:'north', :'chair', 'generating') as generating, pg_temp.request(:'north', :'chair', 'pending') as pending \gset
select is(status, wanted, 'fixture: ' || wanted) from (values (:'draft'::uuid, 'draft'), (:'failed', 'error'), (:'completed', 'completed'), (:'generating', 'generating'), (:'pending', 'pending')) as f (id, wanted) join atelier.generated_assets a using (id);

-- Every act on NULL, unknown and deleted assets
select pg_temp.request(:'north', :'chair', 'completed') as deleted \gset
select atelier.soft_delete_asset(:'deleted');
select matches(pg_temp.error_of(format('select atelier.%I(null)', act)), '^22004 \| asset_id must not be null', format('S0-24: %s of NULL', act))
  from unnest(array['retry_asset', 'regenerate_asset', 'cancel_generation', 'pin_asset', 'soft_delete_asset', 'restore_asset', 'submit_generation', 'asset_status']) as act;
select matches(pg_temp.error_of(format('select atelier.%I(gen_random_uuid())', act)), '^P0002 \| asset not found \| There is no asset', format('S0-80: %s of an unknown asset', act))
  from unnest(array['retry_asset', 'regenerate_asset', 'cancel_generation', 'pin_asset', 'soft_delete_asset', 'restore_asset', 'submit_generation', 'asset_status']) as act;
select matches(pg_temp.error_of(format('select atelier.%I(%L)', act, :'deleted')), '^P0002 \| asset not found \| Asset .* was deleted. \| atelier.restore_asset', format('S0-96: %s of a deleted asset', act))
  from unnest(array['retry_asset', 'regenerate_asset', 'cancel_generation', 'pin_asset', 'submit_generation', 'asset_status']) as act;
select matches(pg_temp.error_of(format('select atelier.%s', replace(refused.act, '@', quote_literal(case refused.status when 'draft' then :'draft' when 'pending' then :'pending' when 'generating' then :'generating' when 'completed' then :'completed' else :'failed' end)))),
        format('^55000 \| asset cannot be %s while it is %s \| Asset .* \| ', refused.done, refused.status), format('S0-12: %s while %s', refused.act, refused.status))
  from (values
    ('retry_asset(@)', 'draft', 'tried again'), ('retry_asset(@)', 'pending', 'tried again'), ('retry_asset(@)', 'generating', 'tried again'), ('retry_asset(@)', 'completed', 'tried again'),
    ('regenerate_asset(@)', 'draft', 'made anew'), ('regenerate_asset(@)', 'pending', 'made anew'), ('regenerate_asset(@)', 'generating', 'made anew'),
    ('cancel_generation(@)', 'draft', 'cancelled'), ('cancel_generation(@)', 'completed', 'cancelled'), ('cancel_generation(@)', 'error', 'cancelled'),
    ('pin_asset(@)', 'draft', 'pinned'), ('pin_asset(@)', 'pending', 'pinned'), ('pin_asset(@)', 'generating', 'pinned'), ('pin_asset(@)', 'error', 'pinned')
  ) as refused (act, status, done);

-- Trying again
select job_id as first_job from atelier.generated_assets where id = :'failed' \gset
select is(atelier.retry_asset(:'failed'), :'failed', 'X-17: trying again keeps the id');
select ok(status = 'pending' and error_message is null and job_id <> :'first_job' and progress = 0, 'X-17, S0-58: with a new job and without the message') from atelier.generated_assets where id = :'failed';
select pg_temp.lease_all();
select pg_temp.succeed(:'failed');
select is(status, 'completed', 'X-17: and it may succeed') from atelier.generated_assets where id = :'failed';

-- Making anew
select to_jsonb(a) as before from atelier.generated_assets a where id = :'completed' \gset
select atelier.regenerate_asset(:'completed', '{"style": "rustic", "promptText": "A quiet corner.", "matchProductColors": false}') as again \gset
select isnt(:'again'::uuid, :'completed'::uuid, 'S0-15: making anew gives a new id');
select ok(b.status = 'pending' and b.regenerated_from = a.id and b.product_id = a.product_id and b.client_id = a.client_id and b.image_id is null and b.job_id <> a.job_id
        and b.settings = a.settings || '{"style": "rustic", "promptText": "A quiet corner.", "matchProductColors": false}', 'S0-15: the new asset has the old settings, changed')
  from atelier.generated_assets a, atelier.generated_assets b where a.id = :'completed' and b.id = :'again';
select is(to_jsonb(a), :'before', 'S0-15, S0-14: the original stays as it is') from atelier.generated_assets a where id = :'completed';
select matches(pg_temp.error_of(format('select atelier.regenerate_asset(%L, %L)', :'completed', bad.value)), bad.expected, 'S0-15: bad override ' || coalesce(bad.value, 'NULL'))
  from (values (null, '^22004 \| settings_override'), ('[]', '^22023 \| setting "settings_override" is not valid \| Its value is \[\]'), ('{"style": 5}', '^22023 \| setting "style"'), ('{"style": "loud"}', '^22023 \| setting "style" has an unknown'),
               ('{"varietyLevel": null}', '^22023 \| setting "varietyLevel"')) as bad (value, expected);

-- History
select results_eq(format('select asset_id, generation from atelier.asset_history where product_id = %L and asset_id in (%L, %L) order by generation desc', :'chair', :'completed', :'again'),
    format('select h.asset_id, h.generation from (select a.id as asset_id, row_number() over (order by a.created_at, a.id) as generation from atelier.live_assets a where a.product_id = %L) h where h.asset_id in (%L, %L) order by h.generation desc', :'chair', :'completed', :'again'),
    'S0-16: the history numbers the assets of a product from the oldest');

-- Pinning
select is((atelier.pin_asset(:'completed')).pinned, true, 'S0-82: a completed asset can be pinned');
select is((atelier.pin_asset(:'completed', false)).pinned, false, 'S0-82: and unpinned');
select is((atelier.pin_asset(:'pending', false)).pinned, false, 'S0-82: unpinning is never refused');
select matches(pg_temp.error_of(format('select atelier.pin_asset(%L, null)', :'completed')), '^22004 \| pinned', 'S0-82: pinned is not NULL');

-- Cancelling
select is(atelier.cancel_generation(:'pending'), :'pending', 'X-58: a pending asset can be cancelled');
select is(atelier.asset_status(:'pending') ->> 'error', 'cancelled: on request', 'X-58: it goes to error');
select is(count(*), 0::bigint, 'X-58: its job is gone') from atelier_internal.jobs where subject_id = :'pending';
select pg_temp.request(:'north', :'chair', 'generating') as running \gset
select atelier.cancel_generation(:'running');
select is(atelier.asset_status(:'running') ->> 'error', 'cancelled: on request', 'X-58: so can one that is being made');
select count(*) as deletions from atelier.deletion_queue \gset
select pg_temp.succeed(:'running');
select is(atelier.asset_status(:'running') ->> 'status', 'error', 'X-58, E-02: a result that comes later changes nothing');
select is(count(*), :'deletions'::bigint + 1, 'X-58, E-02: its object is to be deleted') from atelier.deletion_queue;
select is(count(*), 0::bigint, 'X-58: and no image row is made') from atelier.images where s3_key = (pg_temp.order_of(:'running') #>> '{request,output,key_prefix}') || '.png';
insert into atelier.generated_assets (client_id, product_id, status, settings, job_id) values (:'north', :'chair', 'generating', pg_temp.whole(), gen_random_uuid()) returning id as jobless \gset
select atelier.cancel_generation(:'jobless');
select is(atelier.asset_status(:'jobless') ->> 'status', 'error', 'X-58: an asset that lost its job can be cancelled too');

-- Deleting and restoring
select pg_temp.request(:'north', :'chair', 'generating') as running \gset
select is(atelier.soft_delete_asset(:'running'), :'running', 'S0-17: an asset can be deleted while it is made');
select row_eq(format('select status, error_message, deleted_at from atelier.generated_assets where id = %L', :'running'), row('error'::text, 'cancelled: the asset was deleted'::text, now()), 'S0-83: its work is cancelled');
update atelier.generated_assets set deleted_at = '2020-01-01' where id = :'running';
select atelier.soft_delete_asset(:'running');
select is(deleted_at, '2020-01-01'::timestamptz, 'S0-17: deleting it again changes nothing') from atelier.generated_assets where id = :'running';
select is(count(*), 1::bigint, 'S0-95: one event tells of it') from atelier_internal.events where kind = 'asset.deleted' and subject_id = :'running';
select is((select count(*) from atelier.live_assets where id = :'running') * 10 + (select count(*) from atelier.deleted_assets where id = :'running'), 1::bigint, 'S0-96: it is in the recycle bin and no longer live');
select is(count(*), 0::bigint, 'S0-96: nor listed') from atelier.list_assets(:'north', max_rows => 1000) where id = :'running';
select is(atelier.restore_asset(:'running'), :'running', 'S0-20, S0-109: it can be restored');
select atelier.restore_asset(:'running');
select ok(deleted_at is null and status = 'error', 'S0-20: restoring brings it back, its work stays cancelled') from atelier.generated_assets where id = :'running';
select lives_ok(format('select atelier.retry_asset(%L)', :'running'), 'S0-20: and can begin again');

-- Results and leases of what is gone: called with a lease that is still good
select pg_temp.request(:'north', :'chair', 'generating') as vanished \gset
update atelier.generated_assets set deleted_at = now() where id = :'vanished';
select pg_temp.succeed(:'vanished');
select ok(exists (select from atelier.deletion_queue d where d.store = 'file' and d.bucket = ''
        and d.key = (pg_temp.order_of(:'vanished') #>> '{request,output,key_prefix}') || '.png'), 'X-58: the picture of a deleted asset is to be deleted');
select is(image_id, null, 'X-58: and not recorded') from atelier.generated_assets where id = :'vanished';
select pg_temp.request(:'north', :'chair', 'generating') as moved_on \gset
select atelier_internal.settle_generate_image(array[row(gen_random_uuid(), :'moved_on', :'north', '{}', 1, gen_random_uuid(), 'offline', 'compose',
    '{"object": {"store": "file", "key": "changes/former-job.png"}, "mime": "image/png", "width": 1, "height": 1, "size": 1}')::atelier_internal.settlement]);
select ok(a.status = 'generating' and exists (select from atelier.deletion_queue d where d.key = 'changes/former-job.png'), 'E-02: the picture of a former job completes nothing and is to be deleted')
  from atelier.generated_assets a where a.id = :'moved_on';
select pg_temp.request(:'north', :'chair', 'queued') as bare_delete \gset
select job_id as bare_job from atelier.generated_assets where id = :'bare_delete' \gset
update atelier.generated_assets set deleted_at = now() where id = :'bare_delete';
select pg_temp.lease_all();
select row_eq(format('select state, error_message from atelier_internal.history_failed where job_id = %L', :'bare_job'), row('cancelled'::text, 'the asset was deleted'::text), 'X-58: a deleted asset is not made');

-- Removing what owns assets
select atelier.create_product(:'north', 'Stool', 'S', 'seating') as stool \gset
select atelier.add_product_image(:'stool', :'photo');
select pg_temp.request(:'north', :'stool', 'generating') as stool_running, pg_temp.request(:'north', :'stool', 'pending') as stool_pending, pg_temp.request(:'north', :'stool', 'completed') as stool_done \gset
select count(*) as jobs_before from atelier_internal.jobs where subject_id in (:'stool_running', :'stool_pending') \gset
select is(:jobs_before, 2, 'S0-52: two jobs work for the product');
delete from atelier.products where id = :'stool';
select is(count(*), 0::bigint, 'S0-52: removing a product cancels them') from atelier_internal.jobs where subject_id in (:'stool_running', :'stool_pending');
select is(count(*), 2::bigint, 'S0-52: with the reason') from atelier_internal.history_failed where subject_id in (:'stool_running', :'stool_pending') and state = 'cancelled' and error_message = 'the asset was removed';

-- Listing
select atelier.create_client('East', 'changes-east') as east \gset
select atelier.create_product(:'east', 'Lamp', 'L', 'light') as lamp, atelier.create_product(:'east', 'Rug', 'R', 'textile') as rug \gset
insert into atelier.collections (client_id, name) values (:'east', 'Spring') returning id as spring \gset
insert into atelier.generated_assets (client_id, product_id, collection_id, settings, created_at)
select :'east', case when n % 2 = 0 then :'lamp'::uuid else :'rug' end, case when n <= 3 then :'spring'::uuid end, '{}', timestamptz '2021-01-01' + (n / 3) * interval '1 day' from generate_series(1, 10) as n;
select is(count(*), 10::bigint, 'S0-73: all assets of a client') from atelier.list_assets(:'east');
select is((select count(*) from atelier.list_assets(:'east', product_id => :'lamp')) * 10 + (select count(*) from atelier.list_assets(:'east', collection_id => :'spring')), 53::bigint, 'S0-73, S0-107: by product, by collection');
select is((select count(*) from atelier.list_assets(:'east', status => 'draft', type => 'image', pinned => false)) * 10 + (select count(*) from atelier.list_assets(:'east', status => 'completed')), 100::bigint, 'S0-73: by status, type and pin');
select ok(not exists (select from (select created_at, id, lag((created_at, id)) over () as former from atelier.list_assets(:'east')) l where (created_at, id) > former), 'S0-73: newest first');
create function pg_temp.pages(p_client uuid, p_size integer) returns uuid[]
language plpgsql as $$
declare
    v_ids uuid[] := '{}';
    v_page uuid[];
begin
    loop
        select array_agg(l.id) into v_page from atelier.list_assets(p_client, max_rows => p_size, before => v_ids[cardinality(v_ids)]) l;
        exit when v_page is null or cardinality(v_ids) > 100;
        v_ids := v_ids || v_page;
    end loop;
    return v_ids;
end
$$;
select is(pg_temp.pages(:'east', size), (select array_agg(l.id) from atelier.list_assets(:'east') l), format('S0-73: pages of %s are the whole list, once', size)) from unnest(array[1, 3, 4, 10]) as size;
select matches(pg_temp.error_of(format('select atelier.list_assets(%s)', replace(bad.arguments, '@', quote_literal(:'east')))), bad.expected, 'S0-73: list_assets refuses ' || bad.arguments)
  from (values ('null', '^22004 \| client_id'), ('gen_random_uuid()', '^23503 \| client not found'), ('@, gen_random_uuid()', '^23503 \| product not found'), ('@, null, gen_random_uuid()', '^23503 \| collection not found'),
               ('@, status => ''done''', '^22023 \| status "done" is not known'), ('@, type => ''song''', '^22023 \| type "song"'), ('@, max_rows => 0', '^22023 \| max_rows'), ('@, max_rows => 1001', '^22023'), ('@, max_rows => null', '^22023'),
               ('@, before => gen_random_uuid()', '^P0002 \| asset not found')) as bad (arguments, expected);
select matches(pg_temp.error_of(format('select atelier.list_assets(%L, %L)', :'east', :'chair')), '^23503 \| product not found', 'S0-30: another client''s product cannot be listed');
select matches(pg_temp.error_of(format('select atelier.list_assets(%L, before => %L)', :'east', :'completed')), '^P0002 \| asset not found \| Client', 'S0-30: nor another client''s asset used as a mark');

select * from finish();
rollback;
