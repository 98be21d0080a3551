-- Asking for assets: what is refused, what is stored, how the engine makes them.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

select atelier.create_client('North', 'requests-north', '{"generationDefaults": {"style": "rustic", "varietyLevel": 3}}') as north, atelier.create_client('South', 'requests-south') as south \gset
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair, atelier.create_product(:'north', 'Bare', 'B', 'seating') as bare, atelier.create_product(:'south', 'Chair', 'C', 'seating') as foreign_chair \gset
select atelier.register_image(:'north', 'requests/chair.jpg') as photo, atelier.register_image(:'north', 'requests/scene ä.jpg') as scene, atelier.register_image(:'north', 'requests/bad.jpg') as bad,
       atelier.register_image(:'south', 'requests/south.jpg') as foreign_photo \gset
select atelier.add_product_image(:'chair', :'photo'), atelier.add_product_image(:'foreign_chair', :'foreign_photo');
insert into atelier.collections (client_id, name) values (:'north', 'Spring') returning id as spring \gset
insert into atelier.collections (client_id, name) values (:'south', 'Spring') returning id as foreign_spring \gset

-- Bad input; @n client, @c product, @s whole settings
create function pg_temp.filled(p_arguments text, p_north text, p_chair text) returns text language sql as $$
    select replace(replace(replace(p_arguments, '@n', quote_literal(p_north)), '@c', quote_literal(p_chair)), '@s', quote_literal(pg_temp.whole()) || '::jsonb')
$$;
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%s)', pg_temp.filled(refused.arguments, :'north', :'chair'))), refused.expected, refused.row_id || ': a request is refused: ' || refused.arguments)
  from (values
    ('S0-79', 'null, @c, @s', '^22004 \| client_id must not be null'), ('S0-79', '@n, null, @s', '^22004 \| product_id must not be null'), ('S0-79', '@n, @c, null', '^22004 \| settings must not be null'),
    ('S0-79', '@n, @c, @s, type => null', '^22004 \| type must not be null'), ('S0-79', '@n, @c, @s, enqueue => null', '^22004 \| enqueue must not be null'), ('S0-79', '@n, @c, @s, priority => null', '^22004 \| priority must not be null'),
    ('S0-79', 'gen_random_uuid(), @c, @s', '^23503 \| client not found'), ('S0-79', '@n, gen_random_uuid(), @s', '^23503 \| product not found'), ('S0-51', '@n, @c, @s, gen_random_uuid()', '^23503 \| collection not found'),
    ('S0-66', '@n, @c, @s, scene_image_id => gen_random_uuid()', '^23503 \| scene image not found'),
    ('S0-54', '@n, @c, @s, type => ''song''', '^22023 \| type "song" is not known'), ('S0-05, X-52', '@n, @c, @s, type => ''video''', '^0A000 \| assets of type video cannot be made \| .* \| Types that can be made: image\.'),
    ('S0-05', '@n, @c, @s, type => ''3d_render''', '^0A000'), ('S0-79', '@n, @c, @s, provider => ''nobody''', '^42704 \| provider "nobody" does not exist \| You may use: offline\. A DBA makes a provider with CREATE SERVER nobody '), ('S0-79', '@n, @c, @s, provider => ''file''', '^22023 \| provider "file" has no model for assets of type image'),
    ('S0-79', '@n, @c, @s, priority => 101', '^22023 \| priority 101 is out of range'), ('S0-79', '@n, @c, @s, priority => -101', '^22023'), ('S0-79', '@n, @c, @s, run_after => ''infinity''', '^22023 \| run_after must be a finite time'),
    ('S0-65', '@n, @c, ''[]''', '^22023 \| setting "settings" is not valid'), ('S0-65', '@n, @c, ''{"roomType": "bedroom"}''', '^22023 \| setting "lighting" is not valid \| It is missing'),
    ('S0-65', '@n, @c, @s || ''{"varietyLevel": 11}''', '^22023 \| setting "varietyLevel" is not valid \| Its value is 11'), ('S0-65', '@n, @c, @s || ''{"style": "loud"}''', '^22023 \| setting "style" has an unknown value \| Its value is "loud"'),
    ('S0-66', '@n, @c, @s || ''{"sceneImageUrl": "https://example.org/x.jpg"}''', '^22023 \| setting "sceneImageUrl" is not valid \| Its value is "https://example.org/x.jpg"'),
    ('S0-66', '@n, @c, @s || ''{"sceneImageUrl": "atelier://images/1"}''', '^22023 \| setting "sceneImageUrl"'), ('S0-66', '@n, @c, @s || ''{"sceneImageUrl": "file:///etc/passwd"}''', '^22023 \| setting "sceneImageUrl"'),
    ('S0-66', '@n, @c, @s || ''{"sceneImageUrl": "atelier://images/aaaaaaaa-0000-4000-8000-00000000000a"}''', '^23503 \| scene image not found'),
    ('S0-65', '@n, @c, @s || ''{"style": 5}'', enqueue => false', '^22023 \| setting "style" is not valid'),
    ('X-12', '@n, @c, @s, priority => 1, enqueue => false', '^22023 \| a draft has neither'), ('X-12', '@n, @c, @s, run_after => now(), enqueue => false', '^22023 \| a draft has neither')
  ) as refused (row_id, arguments, expected);
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L)', :'north', :'foreign_chair', pg_temp.whole())), '^23503 \| product not found \| Client .* has no product', 'S0-30: another client''s product is not found');
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L, %L)', :'north', :'chair', pg_temp.whole(), :'foreign_spring')), '^23503 \| collection not found', 'S0-30: another client''s collection is not found');
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L, scene_image_id => %L)', :'north', :'chair', pg_temp.whole(), :'foreign_photo')), '^23503 \| scene image not found', 'S0-30: another client''s image is not found');
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L)', :'north', :'bare', pg_temp.whole())), '^55000 \| product has no photo \| .* \| Call atelier.register_image', 'S0-37: a product needs a photo');
select is(count(*), 0::bigint, 'S0-74: what is refused leaves no asset') from atelier.generated_assets where client_id in (:'north', :'south');
select is(count(*), 0::bigint, 'S0-74: nor a job') from atelier_internal.jobs where client_id in (:'north', :'south') and pipeline = 'generate_image';

-- A request whose photos are still being inspected
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole() - 'style' || '{"own": 1}', :'spring', scene_image_id => :'scene', priority => 5) as asset \gset
select row_eq(format('select status, progress, image_id, type, collection_id, provider, job_id is null, error_message, completed_at from atelier.generated_assets where id = %L', :'asset'),
    row('pending'::text, 0, null::uuid, 'image'::text, :'spring'::uuid, 'offline'::text, false, null::text, null::timestamptz), 'S0-79, X-11: the asset is pending, with its job');
select is(settings, pg_temp.whole() || format('{"own": 1, "style": "rustic", "settings_version": 1, "sceneImageUrl": "atelier://images/%s"}', :'scene')::jsonb, 'S0-32, S0-66, S0-68, S0-69: client defaults lie under the settings, unknown keys stay')
  from atelier.generated_assets where id = :'asset';
select ok(j.subject_id = a.id and j.client_id = a.client_id and j.provider = 'offline' and j.model = 'compose' and j.priority = 5 and j.state = 'waiting', 'S0-74: the job knows its asset') from atelier.generated_assets a join atelier_internal.jobs j on j.id = a.job_id where a.id = :'asset';
select ok(j.input @> jsonb_build_object('assetId', a.id, 'clientId', a.client_id, 'productId', a.product_id, 'settings', a.settings, 'productImageId', :'photo', 'sceneImageId', :'scene', 'prompt', atelier.build_prompt(a.settings, a.product_id)), 'S0-79: it holds ids, settings and prompt')
  from atelier.generated_assets a join atelier_internal.jobs j on j.id = a.job_id where a.id = :'asset';
select is(count(*), 2::bigint, 'S0-38: it waits for both photos') from atelier_internal.job_dependencies d join atelier.generated_assets a on a.job_id = d.job_id where a.id = :'asset';
select row_eq(format('select asset_id, asset_status, state from atelier.generation_queue where asset_id = %L', :'asset'), row(:'asset'::uuid, 'pending'::text, 'waiting'::text), 'S0-23: it is in the generation queue');
select is(atelier.asset_status(:'asset'), jsonb_build_object('id', :'asset'::uuid, 'productId', :'chair'::uuid, 'status', 'pending', 'progress', 0, 'imageUrl', null, 'error', null), 'S0-80: its status, with exactly these keys');
select row_eq(format('select j.subject_id, j.pipeline, j.state, j.provider, j.model, j.attempts from atelier.jobs j join atelier.generated_assets a on a.job_id = j.job_id where a.id = %L', :'asset'),
    row(:'asset'::uuid, 'generate_image'::text, 'waiting'::text, 'offline'::text, 'compose'::text, 0::smallint), 'S0-71: its job is read by its id while it lives');
select pg_temp.lease_all();
select is(pg_temp.order_of(:'asset'), null, 'S0-38: it is not made before its photos are ready');
select pg_temp.succeed(:'photo');
select pg_temp.lease_all();
select is(pg_temp.order_of(:'asset'), null, 'S0-38: both of them');
select pg_temp.succeed(:'scene');
select pg_temp.lease_all();
select is(pg_temp.order_of(:'asset') ->> 'action', 'ai.image', 'S0-38: then it is');
select is(pg_temp.order_of(:'asset') -> 'request', jsonb_build_object(
        'prompt', atelier.build_prompt(a.settings, a.product_id), 'settings', a.settings,
        'inputs', jsonb_build_array(jsonb_build_object('role', 'product', 'store', 'file', 'key', 'requests/chair.jpg', 'sha256', repeat('ab', 32)),
                                    jsonb_build_object('role', 'scene', 'store', 'file', 'key', 'requests/scene ä.jpg', 'sha256', repeat('ab', 32))),
        'output', jsonb_build_object('store', 'file', 'key_prefix', format('clients/%s/generated/%s', a.client_id, t.image_id))), 'S0-66, S0-37: the order names prompt, settings, photos by hash, and a key of the attempt''s own')
  from atelier.generated_assets a join atelier_internal.attempts t on t.job_id = a.job_id where a.id = :'asset';
select is(atelier.asset_status(:'asset') ->> 'status', 'generating', 'S0-13, S0-75: the asset is generating, as its job is leased');

-- Completed
select pg_temp.succeed(:'asset', '{"metadata": {"generator": "offline", "background": "plain", "source": "forged"}}');
select row_eq(format('select a.status, a.progress, a.completed_at, a.job_id is null, i.status, i.store, i.width, i.height, i.file_size, i.mime_type, i.sha256 from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = %L', :'asset'),
    row('completed'::text, 100, now(), false, 'ready'::text, 'file'::text, 640, 480, 1234::bigint, 'image/png'::text, repeat('ab', 32)), 'S0-57, S0-76: image and asset are completed in one transaction');
select is(i.s3_key, format('clients/%s/generated/%s.png', a.client_id, a.image_id), 'X-32: the key of the image, extension by type') from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = :'asset';
select ok(t.image_id = a.image_id, 'X-09: the id of the image is the attempt''s own') from atelier.generated_assets a join atelier_internal.attempts t on t.job_id = a.job_id where a.id = :'asset';
select is(i.metadata, jsonb_build_object('source', 'generated', 'generator', 'offline', 'background', 'plain', 'provider', 'offline', 'model', 'compose', 'prompt', atelier.build_prompt(a.settings, a.product_id)),
        'S0-08, S0-39: its metadata say who made it, how, of what prompt') from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = :'asset';
select is(atelier.asset_status(:'asset'), jsonb_build_object('id', :'asset'::uuid, 'productId', :'chair'::uuid, 'status', 'completed', 'progress', 100, 'imageUrl', atelier.image_url(a.image_id), 'error', null), 'S0-80, S0-81: its status tells the address')
  from atelier.generated_assets a where a.id = :'asset';
select is(count(*), 0::bigint, 'S0-23: it has left the generation queue') from atelier.generation_queue where asset_id = :'asset';
delete from atelier_internal.history_completed where subject_id = :'asset';
select is(atelier.asset_status(:'asset') ->> 'status', 'completed', 'S0-77, S0-106: it does not depend on the record of its job');

select is(a.status, 'completed', 'S0-72, S0-77: and outlives it') from atelier.generated_assets a where a.id = :'asset' and a.job_id is not null and not exists (select from atelier.job_history h where h.job_id = a.job_id);
select is_empty(format('select k from jsonb_object_keys(atelier.asset_status(%1$L)) k where k ~* ''job'' union all select k from atelier.asset_history h, jsonb_object_keys(to_jsonb(h)) k where h.asset_id = %1$L and k ~* ''job''', :'asset'),
    'S0-84: what applications read of an asset speaks of no job');

-- sceneImageUrl in its other form
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole() || jsonb_build_object('sceneImageUrl', atelier.image_url(:'scene'))) as by_address \gset
select is(settings ->> 'sceneImageUrl', 'atelier://images/' || :'scene', 'S0-66: the address of an own image is understood, and stored in its stable form') from atelier.generated_assets where id = :'by_address';
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L)', :'south', :'foreign_chair', pg_temp.whole() || jsonb_build_object('sceneImageUrl', atelier.image_url(:'scene')))), '^22023 \| setting "sceneImageUrl"', 'S0-30: not that of another client''s image');

-- Failed
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as failing \gset
select is(collection_id, null, 'S0-11: an asset that is asked for outside a collection has none') from atelier.generated_assets where id = :'failing';
select pg_temp.lease_all();
select pg_temp.fail(:'failing', 'network', 'connection lost');
select is(atelier.asset_status(:'failing') ->> 'status', 'generating', 'X-17: a repeated attempt stays inside the job, the asset stays generating');
update atelier_internal.deferrals d set run_after = now() - interval '1 second' from atelier.generated_assets a where a.job_id = d.job_id and a.id = :'failing';
update atelier_internal.jobs j set run_after = now() - interval '1 second' from atelier.generated_assets a where a.job_id = j.id and a.id = :'failing';
select atelier_internal.promote(100);
select pg_temp.lease_all();
select pg_temp.fail(:'failing', 'content_blocked', 'the provider refuses this picture');
select is(atelier.asset_status(:'failing'), jsonb_build_object('id', :'failing'::uuid, 'productId', :'chair'::uuid, 'status', 'error', 'progress', 0, 'imageUrl', null, 'error', 'the provider refuses this picture'), 'S0-13, S0-58: a final failure puts the asset to error with its message');

-- A photo that turns out to be bad
select atelier.create_product(:'north', 'Stool', 'S', 'seating') as stool \gset
select atelier.add_product_image(:'stool', :'bad');
select atelier.create_generation_request(:'north', :'stool', pg_temp.whole()) as waiting \gset
select pg_temp.lease_all();
select pg_temp.fail(:'bad', 'invalid_request', 'the file is no picture');
select ok(s ->> 'status' = 'error' and s ->> 'error' like '%the file is no picture', 'S0-38: a waiting asset fails with the reason of its photo') from atelier.asset_status(:'waiting') as s;
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L)', :'north', :'stool', pg_temp.whole())), '^55000 \| product photo cannot be used: the file is no picture \| .*class invalid_request', 'S0-38: a request with a failed photo is refused at once, with its reason');
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, %L, scene_image_id => %L)', :'north', :'chair', pg_temp.whole(), :'bad')), '^55000 \| scene image cannot be used: the file is no picture', 'S0-66: so is one with a failed scene image');

-- Later, and drafts
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole(), run_after => now() + interval '1 hour') as later \gset
select is(j.run_after, now() + interval '1 hour', 'S0-79: a request may be for later') from atelier.generated_assets a join atelier_internal.jobs j on j.id = a.job_id where a.id = :'later';
select atelier.create_generation_request(:'north', :'bare', '{"roomType": "office"}', enqueue => false) as draft \gset
select row_eq(format('select status, settings, provider, job_id from atelier.generated_assets where id = %L', :'draft'), row('draft'::text, '{"roomType": "office"}'::jsonb, null::text, null::uuid), 'X-12, S0-65: a draft may be partial and has no job');
select matches(pg_temp.error_of(format('select atelier.submit_generation(%L)', :'draft')), '^22023 \| setting "lighting" is not valid \| It is missing', 'S0-65: a draft is submitted with whole settings only');
update atelier.generated_assets set settings = settings || (pg_temp.whole() - 'style' - 'varietyLevel') where id = :'draft';
select matches(pg_temp.error_of(format('select atelier.submit_generation(%L)', :'draft')), '^55000 \| product has no photo', 'S0-37: and with a photo');
select atelier.add_product_image(:'bare', :'photo');
select matches(pg_temp.error_of(format('select atelier.submit_generation(%L, priority => 1000)', :'draft')), '^22023 \| priority', 'X-12: priority is checked');
select is(atelier.submit_generation(:'draft'), :'draft', 'X-12: then it is submitted');
select ok(status = 'pending' and settings ->> 'style' = 'rustic' and settings ->> 'varietyLevel' = '3' and provider = 'offline' and job_id is not null, 'S0-68: and completed with the client''s defaults') from atelier.generated_assets where id = :'draft';
select matches(pg_temp.error_of(format('select atelier.submit_generation(%L)', :'draft')), '^55000 \| asset cannot be submitted while it is pending', 'S0-12: but once');
select matches(pg_temp.error_of('select atelier.submit_generation(null)'), '^22004 \| asset_id', 'S0-24: submit NULL');
select matches(pg_temp.error_of('select atelier.submit_generation(gen_random_uuid())'), '^P0002 \| asset not found', 'S0-80: submit an unknown asset');
select matches(pg_temp.error_of('select atelier.asset_status(gen_random_uuid())'), '^P0002 \| asset not found \| There is no asset', 'S0-80: the status of an unknown asset');
select matches(pg_temp.error_of('select atelier.asset_status(null)'), '^22004', 'S0-80: the status of NULL');

-- What went away before its turn
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as photoless \gset
delete from atelier.product_images where image_id = :'photo';
delete from atelier.images where id = :'photo';
select pg_temp.lease_all();
select is(atelier.asset_status(:'photoless') ->> 'error', 'the product photo was removed', 'S0-53: a photo that was removed fails the asset, unsent');
select is(pg_temp.order_of(:'photoless'), null, 'S0-53: no order was sent');

-- All or nothing
savepoint before;
select atelier.add_product_image(:'chair', :'scene');
select atelier.create_generation_request(:'north', :'chair', pg_temp.whole()) as undone \gset
rollback to before;
select is((select count(*) from atelier.generated_assets where id = :'undone') + (select count(*) from atelier_internal.jobs where subject_id = :'undone'), 0::bigint, 'S0-74: a rollback leaves neither asset nor job');

select * from finish();
rollback;
