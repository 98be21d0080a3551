-- Putting a collection together: products, inspirations, settings; what each status allows, and what changes elsewhere mean for it.
begin;
\ir include/studio.psql
\ir include/collections.psql
select no_plan();
select pg_temp.start_engine();

select atelier.create_client('North', 'collections-north', '{"generationDefaults": {"style": "classic", "varietyLevel": 2}}') as north, atelier.create_client('South', 'collections-south') as south \gset
select pg_temp.product(:'north', 'chair', '{office}') as chair, pg_temp.product(:'north', 'lamp', '{bedroom,office}') as lamp, pg_temp.product(:'north', 'stool') as stool,
       pg_temp.product(:'south', 'chair') as foreign_chair \gset
select pg_temp.picture(:'north', 'c/one.jpg', '{"source": "upload"}') as one, pg_temp.picture(:'north', 'c/two.jpg', '{"source": "unsplash"}') as two, pg_temp.picture(:'north', 'c/three.jpg') as three,
       pg_temp.picture(:'south', 'c/south.jpg') as foreign_image \gset

-- Every transition
create table pg_temp.legal as
    select * from (values ('draft', 'analyzing'), ('analyzing', 'ready'), ('analyzing', 'error'), ('analyzing', 'draft'), ('ready', 'analyzing'), ('ready', 'generating'), ('ready', 'draft'),
                          ('generating', 'completed'), ('generating', 'error'), ('completed', 'analyzing'), ('completed', 'generating'), ('completed', 'draft'),
                          ('error', 'analyzing'), ('error', 'ready'), ('error', 'generating'), ('error', 'draft')) as t (old, new);
select is(left(pg_temp.error_of(format('update atelier.collections set status = %L, error_message = %L where id = %L', b.status, case when b.status = 'error' then 'because' end, pg_temp.collection(:'north', '{}', a.status))), 8),
        case when exists (select from pg_temp.legal l where l.old = a.status and l.new = b.status) then 'no error' else '23514 | ' end,
        format('S0-44: a collection goes from %s to %s: %s', a.status, b.status, exists (select from pg_temp.legal l where l.old = a.status and l.new = b.status)))
  from unnest(array['draft', 'analyzing', 'ready', 'generating', 'completed', 'error']) as a (status), unnest(array['draft', 'analyzing', 'ready', 'generating', 'completed', 'error']) as b (status)
 where a.status <> b.status;
select matches(pg_temp.error_of(format('update atelier.collections set status = ''completed'' where id = %L', pg_temp.collection(:'north', '{}', 'draft'))),
    '^23514 \| collection cannot change from draft to completed \| .* \| From draft it may change to: analyzing\. \| status', 'S0-44: the refusal names both states and the allowed ones');
select matches(pg_temp.error_of(format('insert into atelier.collections (client_id, name, status) values (%L, ''x'', ''done'')', :'north')), '^23514 .* valid_status$', 'S0-43: there is no other status');
select pg_temp.collection(:'north', '{}', 'generating') as walking \gset
update atelier.collections set status = 'completed' where id = :'walking';
select is(completed_at, now(), 'S0-41: completing stamps completed_at') from atelier.collections where id = :'walking';
select matches(pg_temp.error_of(format('update atelier.collections set completed_at = ''2020-01-01'' where id = %L', :'walking')), '^23514 \| completed_at cannot be set by hand', 'S0-41: nobody else does');
update atelier.collections set status = 'generating' where id = :'walking';
select ok(completed_at is null and updated_at = now(), 'S0-41: leaving it takes the stamp away, and updated_at is kept') from atelier.collections where id = :'walking';
update atelier.collections set status = 'error', error_message = 'it broke' where id = :'walking';
update atelier.collections set status = 'ready' where id = :'walking';
select is(pg_temp.state_of(:'walking'), 'ready', 'S0-44: leaving error takes the message away');
select is(pg_temp.told_of(:'walking'), array['collection.completed', 'collection.generating', 'collection.error', 'collection.ready'], 'S0-44: an event tells of each status');
select is(data, '{"from": "generating", "error_message": "it broke"}', 'S0-44: with the one before and the reason') from atelier_internal.events where subject_id = :'walking' and kind = 'collection.error';
select is(pg_temp.told_of(pg_temp.collection(:'north', '{}', status)), null, 'S0-44: a row that a dump brings tells of nothing: ' || status) from unnest(array['draft', 'analyzing', 'ready', 'generating', 'completed', 'error']) as status;

-- Making one
select matches(pg_temp.error_of(format('select atelier.create_collection(%s)', replace(replace(bad.arguments, '@', quote_literal(:'north')), '#', quote_literal(:'chair')))), bad.expected, bad.row_id || ': create_collection refuses ' || bad.arguments)
  from (values
    ('S0-42', $$null, 'x'$$, '^22004 \| client_id must not be null'), ('S0-42', $$gen_random_uuid(), 'x'$$, '^23503 \| client not found'), ('S0-41', '@, null', '^22004 \| name must not be null'),
    ('S0-41', $$@, ' '$$, '^22023 \| name must have 1 to 500'), ('S0-41', $$@, e'\t\u00a0\u2003\u200b\u3000'$$, '^22023 \| name must have 1 to 500 characters, not only spaces'), ('S0-41', $$@, repeat('x', 501)$$, '^22023 \| name must have 1 to 500'), ('S0-45', $$@, 'x', null$$, '^22004 \| product_ids must not be null'), ('S0-45', $$@, 'x', array[null]::uuid[]$$, '^22004 \| product_ids must not hold NULL'),
    ('S0-45', $$@, 'x', array[#, #]::uuid[]$$, '^22023 \| product_ids names a product twice \| The product is'), ('S0-45', $$@, 'x', array[[#::uuid]]$$, '^22023 \| product_ids must be a plain list'),
    ('S0-45', $$@, 'x', array[#, gen_random_uuid()]::uuid[]$$, '^23503 \| product not found \| Client .* has no product .* \| atelier.list_products'), ('S0-45', $$@, 'x', array(select gen_random_uuid() from generate_series(1, 10001))$$, '^22023 \| a collection has at most 10000 products'),
    ('S0-68', $$@, 'x', '{}', null$$, '^22004 \| settings must not be null'), ('S0-68', $$@, 'x', '{}', '[]'$$, '^22023 \| setting "settings" is not valid'), ('S0-68', $$@, 'x', '{}', '{"style": "loud"}'$$, '^22023 \| setting "style" has an unknown value')
  ) as bad (row_id, arguments, expected);
select matches(pg_temp.error_of(format('select atelier.create_collection(%L, ''x'', array[%L]::uuid[])', :'north', :'foreign_chair')), '^23503 \| product not found', 'S0-45: another client''s product cannot be selected');
select atelier.create_collection(:'north', 'Spring', array[:'lamp', :'chair']::uuid[], '{"lighting": "soft", "own": 1}') as spring \gset
select row_eq(format('select name, status, selected_product_ids, own_settings, base_settings, product_analysis, error_message, completed_at, created_at, updated_at from atelier.collections where id = %L', :'spring'),
    row('Spring'::text, 'draft'::text, array[:'lamp', :'chair']::uuid[], '{"lighting": "soft", "own": 1}'::jsonb, null::jsonb, null::jsonb, null::text, null::timestamptz, now(), now()),
    'S0-09, S0-90, S2-25, S2-49: a collection is a draft with its products, in their order, and its settings');
select atelier.create_collection(:'north', 'Empty') as empty \gset
select is(selected_product_ids, '{}', 'S0-45: the selection may come later') from atelier.collections where id = :'empty';
select is(atelier.rename_collection(:'spring', 'Summer'), :'spring', 'S0-90: it can be renamed');
select is(name, 'Summer', 'S0-41: and has its new name') from atelier.collections where id = :'spring';
select is(pg_temp.error_of(format('select atelier.create_collection(%L, %L)', :'north', name)), 'no error', 'S0-41: a name in any script: ' || name) from unnest(array['Å', '椅子', 'стул', '!', '🪑']) as name;
select matches(pg_temp.error_of(format('select atelier.rename_collection(%L, ''  '')', :'spring')), '^22023 \| name must have', 'S0-41: which cannot be empty');
select matches(pg_temp.error_of(format('select atelier.%s', act)), '^22004 \| (collection_id|inspiration_id) must not be null', 'S0-90, S0-91: NULL for ' || act)
  from unnest(array['rename_collection(null, ''x'')', 'set_collection_products(null, ''{}'')', 'update_collection_settings(null, ''{}'')', 'delete_collection(null)', 'cancel_collection(null)', 'add_inspiration(null, null)',
                    'remove_inspiration(null)', 'reorder_inspirations(null, ''{}'')', 'build_product_settings(null, null)', 'generate_collection(null)', 'collection_status(null)']) as act;
select matches(pg_temp.error_of(format('select atelier.%s', act)), '^P0002 \| (collection|inspiration) not found \| There is no', 'S0-90, S0-91: what is not there, for ' || act)
  from unnest(array['rename_collection(gen_random_uuid(), ''x'')', 'set_collection_products(gen_random_uuid(), ''{}'')', 'update_collection_settings(gen_random_uuid(), ''{}'')', 'delete_collection(gen_random_uuid())', 'cancel_collection(gen_random_uuid())',
                    'add_inspiration(gen_random_uuid(), gen_random_uuid())', 'remove_inspiration(gen_random_uuid())', 'reorder_inspirations(gen_random_uuid(), ''{}'')', 'build_product_settings(gen_random_uuid(), gen_random_uuid())',
                    'generate_collection(gen_random_uuid())', 'collection_status(gen_random_uuid())']) as act;

-- The selection
select is(atelier.set_collection_products(:'spring', array[:'stool', :'chair', :'lamp']::uuid[]), :'spring', 'S0-90: products are selected anew');
select is(selected_product_ids, array[:'stool', :'chair', :'lamp']::uuid[], 'S0-45: in the new order') from atelier.collections where id = :'spring';
select matches(pg_temp.error_of(format('select atelier.set_collection_products(%L, %s)', :'spring', bad.value)), bad.expected, 'S0-45: not ' || bad.value)
  from (values ('null', '^22004 \| product_ids must'), ('array[null]::uuid[]', '^22004 \| product_ids must not hold'), ('array[gen_random_uuid()]', '^23503 \| product not found')) as bad (value, expected);
select matches(pg_temp.error_of(format('select atelier.set_collection_products(%L, array[%L]::uuid[])', :'spring', :'foreign_chair')), '^23503 \| product not found', 'S0-45: nor another client''s');
select matches(pg_temp.error_of(format('update atelier.collections set selected_product_ids = %s where id = %L', bad.value, :'spring')), bad.expected, 'S0-45: nor by an UPDATE ' || bad.value)
  from (values (format('array[%L]::uuid[]', :'foreign_chair'), '^23503'), (format('array[%1$L, %1$L, %1$L]::uuid[]', :'chair'), '^22023 \| product_ids names'), ('array[null, null, null]::uuid[]', '^22004')) as bad (value, expected);
select pg_temp.collection(:'north', array[:'chair', :'lamp']::uuid[]) as known \gset
select atelier.set_collection_products(:'known', array[:'lamp']::uuid[]), atelier.set_collection_products(:'known', array[:'lamp', :'chair']::uuid[]);
select is(pg_temp.state_of(:'known'), 'ready', 'X-49: what was analysed already may go and come back');
select atelier.set_collection_products(:'known', array[:'lamp', :'stool']::uuid[]);
select is(pg_temp.state_of(:'known'), 'draft', 'X-49: a product that was not analysed makes it a draft');
select pg_temp.collection(:'north', array[:'chair']::uuid[], 'completed') as emptied \gset
select atelier.set_collection_products(:'emptied', '{}');
select is(pg_temp.state_of(:'emptied'), 'draft', 'X-49: so does the end of the selection');
select pg_temp.collection(:'north', array[:'chair']::uuid[], 'analyzing') as analyzing, pg_temp.collection(:'north', array[:'chair']::uuid[], 'generating') as generating \gset
insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values (:'north', :'analyzing', :'one', 'upload') returning id as analyzing_inspiration \gset
insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values (:'north', :'generating', :'one', 'upload') returning id as generating_inspiration \gset
select matches(pg_temp.error_of(format('select atelier.%s', replace(replace(act.call, '@', quote_literal(busy.id)), '#', quote_literal(busy.inspiration)))),
        format('^55000 \| collection cannot be %s while it is %s \| Collection .* \| Wait until it has ended \(atelier.collection_status\(\)\), or end it: SELECT atelier.cancel_collection', act.done, busy.status), format('S0-44: %s while %s', act.call, busy.status))
  from (values ('set_collection_products(@, ''{}'')', 'given other products'), (format('add_inspiration(@, %L)', :'two'), 'given an inspiration'), ('remove_inspiration(#)', 'deprived of an inspiration'), ('reorder_inspirations(@, array[#]::uuid[])', 'reordered')) as act (call, done),
       (values (:'analyzing', :'analyzing_inspiration', 'analyzing'), (:'generating', :'generating_inspiration', 'generating')) as busy (id, inspiration, status);

-- Inspirations
select pg_temp.collection(:'north', array[:'chair']::uuid[], base.status) as inspired, pg_temp.collection(:'north', '{}', 'draft') as inspired_draft from (values ('completed')) as base (status) \gset
select matches(pg_temp.error_of(format('select atelier.add_inspiration(%L, %s)', :'inspired', bad.arguments)), bad.expected, bad.row_id || ': add_inspiration refuses ' || bad.what)
  from (values ('S0-47', 'null', '^22004 \| image_id must not be null', 'NULL'), ('S0-47', 'gen_random_uuid()', '^23503 \| image not found', 'an unknown image'), ('S0-47', quote_literal(:'foreign_image'), '^23503 \| image not found \| Client', 'another client''s image'),
               ('S0-48', quote_literal(:'one') || ', ''web''', '^22023 \| source "web" is not known', 'an unknown source'),
               ('S0-64', quote_literal(:'one') || ', null, 2147483647', '^22023 \| display_order must be from .* \| It is 2147483647\. \| .*atelier.reorder_inspirations', 'the last place that there is'), ('S0-64', quote_literal(:'one') || ', null, -1000000001', '^22023 \| display_order', 'one before the first')) as bad (row_id, arguments, expected, what);
select atelier.add_inspiration(:'inspired', :'one') as first, atelier.add_inspiration(:'inspired', :'two') as second, atelier.add_inspiration(:'inspired', :'three', display_order => -1) as third \gset
select results_eq(format('select id, source, display_order from atelier.inspiration_images where collection_id = %L order by display_order', :'inspired'), format('values (%L::uuid, %L, -1), (%L, %L, 0), (%L, %L, 1)', :'third', 'library', :'first', 'upload', :'second', 'unsplash'),
    'S0-47, S0-48, S0-64, S0-91: inspirations have the source that their images tell, and an order');
select is(pg_temp.state_of(:'inspired'), 'draft', 'X-47: a new inspiration is to be analysed');
select is(atelier.add_inspiration(:'inspired', :'one', 'library', 7), :'first', 'S0-47: the same image again is the same inspiration');
select ok(source = 'library' and display_order = 7, 'S0-64: with another source and place') from atelier.inspiration_images where id = :'first';
select atelier.add_inspiration(:'inspired', :'one', 'library', 1000000000);
select atelier.remove_inspiration(:'second');
select atelier.add_inspiration(:'inspired', :'two') as second \gset
select is(display_order, 1000000001, 'S0-64: after the last place that can be given there is one more') from atelier.inspiration_images where id = :'second';
select matches(pg_temp.error_of(format('insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values (%L, %L, %L, ''web'')', :'north', :'inspired_draft', :'one')), '^23514 .* valid_source$', 'S0-48: no row has another source');
select matches(pg_temp.error_of(format('insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values (%L, %L, %L, ''upload'')', :'north', :'inspired_draft', :'foreign_image')), '^23503', 'S0-47: nor another client''s image');
select matches(pg_temp.error_of(format('select atelier.reorder_inspirations(%L, array[%s]::uuid[])', :'inspired', bad.ids)), '^22023 \| inspiration_ids must be the inspirations of the collection, each once \| ' || bad.detail, 'S0-91: an order must name all: ' || bad.detail)
  from (values (format('%L, %L', :'first', :'second'), format('Inspiration %s is missing', :'third')), (format('%L, %L, %L, %L', :'first', :'second', :'third', :'first'), format('%s is none of them, or stands there twice', :'first')),
               (format('%L, %L, %L, gen_random_uuid()', :'first', :'second', :'third'), '.* is none of them'), (format('%L, %L, %L, null', :'first', :'second', :'third'), 'One of them is NULL')) as bad (ids, detail);
select matches(pg_temp.error_of(format('select atelier.reorder_inspirations(%L, null)', :'inspired')), '^22004 \| inspiration_ids', 'S0-91: NULL is no order');
select is(atelier.reorder_inspirations(:'inspired', array[:'second', :'third', :'first']::uuid[]), :'inspired', 'S0-91: they can be reordered');
select is(array_agg(id order by display_order), array[:'second', :'third', :'first']::uuid[], 'S0-64: and stand in that order') from atelier.inspiration_images where collection_id = :'inspired';
select is(atelier.remove_inspiration(:'third'), :'third', 'S0-91: one can be removed');
select ok(not exists (select from atelier.inspiration_images where id = :'third') and exists (select from atelier.images where id = :'three'), 'S0-91: its image stays');

-- Pinned pictures inspire
insert into atelier.images (client_id, s3_key, status, width, height, file_size, mime_type, sha256, metadata) values (:'north', 'c/made.png', 'ready', 1, 1, 1, 'image/png', repeat('0', 64), '{"source": "generated"}') returning id as made \gset
insert into atelier.generated_assets (client_id, product_id, image_id, status, progress, settings, completed_at) values (:'north', :'chair', :'made', 'completed', 100, pg_temp.whole(), now()) returning id as asset \gset
select matches(pg_temp.error_of(format('select atelier.add_inspiration(%L, %L)', :'inspired', :'made')), '^55000 \| a generated picture is an inspiration only while its asset is pinned \| Image .* belongs to asset .*, which is not pinned. \| SELECT atelier.pin_asset', 'S0-04: a generated picture is pinned first');
select atelier.pin_asset(:'asset');
select atelier.soft_delete_asset(:'asset');
select matches(pg_temp.error_of(format('select atelier.add_inspiration(%L, %L)', :'inspired', :'made')), '^55000 .* which was deleted\. \| atelier.restore_asset', 'S0-04: and not deleted');
select atelier.restore_asset(:'asset');
select atelier.add_inspiration(:'inspired', :'made') as from_library \gset
select is(source, 'library', 'S0-04, S0-64, S0-108: then it is one, from the library') from atelier.inspiration_images where id = :'from_library';
select matches(pg_temp.error_of(format('select atelier.add_inspiration(%L, %L)', :'inspired', pg_temp.picture(:'north', 'c/lost.png', '{"source": "generated"}'))), '^55000 .* belongs to no asset', 'S0-04: one that lost its asset is none');
select set_eq(format('select unnest(atelier_internal.images_in_use(array[%L, %L, %L]::uuid[]))', :'one', :'made', :'three'), array[:'one', :'made']::uuid[], 'S0-64: an image that inspires is in use, one that was removed is not');
select atelier.pin_asset(:'asset', false), atelier.soft_delete_asset(:'asset');
update atelier.generated_assets set deleted_at = now() - interval '400 days' where id = :'asset';
select atelier_internal.queue_deletions(array[row('file', '', 'c/made.png', :'made')::atelier_internal.deletion_request], 'purge', '0');
update atelier_internal.object_deletions set run_after = now();
select atelier_internal.promote(100);
select pg_temp.lease_all();
select ok(exists (select from atelier.images where id = :'made' and status = 'ready') and not exists (select from pg_temp.orders where body ->> 'action' = 'storage.delete'), 'S0-64: the picture of a purged asset stays while it inspires');

-- Settings
select pg_temp.collection(:'north', array[:'chair']::uuid[], 'ready', '{}') as set \gset
update atelier.collections set base_settings = '{}' where id = :'set';
select is(atelier.update_collection_settings(:'set', '{"lighting": "soft", "props": ["lamp"]}'), '{"style": "classic", "varietyLevel": 2, "lighting": "soft", "props": ["lamp"]}', 'S0-68, S0-09: own settings lie over the client''s defaults');
select ok(own_settings = '{"lighting": "soft", "props": ["lamp"]}' and base_settings ->> 'style' = 'classic', 'S0-46: both are kept') from atelier.collections where id = :'set';
select is(pg_temp.state_of(:'set'), 'draft', 'X-51: a collection whose settings are not complete is not ready');
select is(atelier.update_collection_settings(:'set', '{"lighting": null, "own": {"a": 1}}'), '{"style": "classic", "varietyLevel": 2, "props": ["lamp"], "own": {"a": 1}}', 'S0-69: a JSON null takes a key away, unknown keys stay');
select matches(pg_temp.error_of(format('select atelier.update_collection_settings(%L, %L)', :'set', bad.value)), bad.expected, 'S0-68: bad settings ' || coalesce(bad.value, 'NULL'))
  from (values (null, '^22004 \| settings must not be null'), ('[]', '^22023 \| setting "settings" is not valid'), ('{"varietyLevel": 11}', '^22023 \| setting "varietyLevel"'), ('{"style": "loud"}', '^22023 \| setting "style" has an unknown'),
               ('{"promptMode": "replace"}', '^22023 \| setting "promptText"'), ('{"sceneImageUrl": "https://example.org/x.jpg"}', '^22023 \| setting "sceneImageUrl"')) as bad (value, expected);
select is(atelier.update_collection_settings(:'set', jsonb_build_object('sceneImageUrl', atelier.image_url(:'one'))) ->> 'sceneImageUrl', 'atelier://images/' || :'one', 'S0-66: an image''s address is stored in its stable form');
select pg_temp.collection(:'north', array[:'chair']::uuid[], 'error', '{}') as lacking \gset
select atelier.update_collection_settings(:'lacking', pg_temp.whole() - 'style' - 'roomType');
select is(pg_temp.state_of(:'lacking'), 'ready', 'X-51: settings that are complete now make a collection ready that was in error for them');
insert into atelier.generated_assets (client_id, collection_id, product_id, status, settings, error_message) values (:'north', :'lacking', :'chair', 'error', pg_temp.whole(), 'refused');
update atelier.collections set status = 'generating' where id = :'lacking';
update atelier.collections set status = 'error', error_message = 'refused' where id = :'lacking';
select atelier.update_collection_settings(:'lacking', '{"style": "rustic"}');
select is(pg_temp.state_of(:'lacking'), 'ready', 'X-51: also one with assets that could not be made');
select pg_temp.collection(:'north', array[:'chair', :'lamp']::uuid[], 'error', pg_temp.whole() - 'roomType') as judged \gset
update atelier.collections set product_analysis = pg_temp.rooms(array[:'chair']::uuid[]), base_settings = null, error_message = 'the analysis of inspiration x failed: no' where id = :'judged';
insert into atelier.inspiration_images (client_id, collection_id, image_id, source, error_message) values (:'north', :'judged', :'one', 'upload', 'no') returning id as spoiled \gset
insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values (:'north', :'judged', :'two', 'upload') returning id as unseen \gset
select atelier.update_collection_settings(:'judged', '{"lighting": "soft", "style": null}') as told \gset
select is(base_settings, :'told', 'S0-46: settings that are told are kept, also after an analysis that failed') from atelier.collections where id = :'judged';
select is(pg_temp.state_of(:'judged'), format('error: 1 product has no room: lamp; atelier.analyze_collection() finds one; not analysed yet: inspiration %s; atelier.analyze_collection() does it; '
    'the analysis of inspiration %s failed: no; atelier.analyze_collection() tries again', :'unseen', :'spoiled'), 'X-47: a change of settings leaves an analysis that failed in error, which says what is wrong now');
select atelier.remove_inspiration(:'spoiled'), atelier.remove_inspiration(:'unseen');
select is(pg_temp.state_of(:'judged'), 'error: 1 product has no room: lamp; atelier.analyze_collection() finds one', 'X-47: and names no inspiration that is not there any more');
select atelier.set_collection_products(:'judged', array[:'chair']::uuid[]);
select is(pg_temp.state_of(:'judged'), 'ready', 'X-47: without what failed it is ready');
select pg_temp.collection(:'north', array[:'chair']::uuid[], 'ready', '{}') as scened \gset
insert into atelier.inspiration_images (client_id, collection_id, image_id, source, display_order, analysis) values (:'north', :'scened', :'one', 'upload', 0, pg_temp.scene()) returning id as rustic \gset
insert into atelier.inspiration_images (client_id, collection_id, image_id, source, display_order, analysis) values (:'north', :'scened', :'two', 'upload', 1, pg_temp.scene('{"style": "japandi"}')) returning id as japandi \gset
select is(atelier.update_collection_settings(:'scened', '{"lighting": "soft"}') - 'surroundings', '{"style": "rustic", "lighting": "soft", "colorScheme": "warm", "cameraAngle": "low", "aspectRatio": "1:1", "props": ["vase"], "varietyLevel": 2, "matchProductColors": false}', 'S0-62, X-47: own settings win over what the inspirations suggest, and that over the client''s defaults');
select atelier.reorder_inspirations(:'scened', array[:'japandi', :'rustic']::uuid[]);
select is(base_settings ->> 'style', 'japandi', 'S0-64: of two opinions the earlier inspiration''s counts') from atelier.collections where id = :'scened';
select atelier.remove_inspiration(:'japandi');
select is(base_settings ->> 'style', 'rustic', 'S0-91: without it the other''s') from atelier.collections where id = :'scened';
select is(pg_temp.state_of(:'scened'), 'ready', 'S0-91: and the collection is ready still');
select atelier.remove_inspiration(:'rustic');
select is(pg_temp.state_of(:'scened'), 'draft', 'X-51: without any its settings are not complete');

-- Removing products
select pg_temp.product(:'north', 'bench') as bench \gset
select pg_temp.collection(:'north', array[:'chair', :'bench', :'lamp']::uuid[]) as losing, pg_temp.collection(:'north', array[:'bench']::uuid[], 'generating') as losing_all \gset
insert into atelier.generated_assets (client_id, collection_id, product_id, status, settings) values (:'north', :'losing_all', :'bench', 'pending', pg_temp.whole());
delete from atelier.products where id = :'bench';
select is(selected_product_ids, array[:'chair', :'lamp']::uuid[], 'S0-45: a product that is removed leaves the selections') from atelier.collections where id = :'losing';
select is(pg_temp.state_of(:'losing'), 'ready', 'S0-45: what is left needs no new analysis');
select is(pg_temp.state_of(:'losing_all'), 'error: none of its assets is left: all were removed before they were made', 'X-48: a collection whose last asset was removed has ended');
select array_agg(pg_temp.product(:'north', 'gone-' || n)) as gone from generate_series(1, 12) as n \gset
select pg_temp.product(:'south', 'gone') as foreign_gone \gset
select pg_temp.collection(:'north', array[:'chair']::uuid[] || :'gone'::uuid[] || :'lamp'::uuid) as losing, pg_temp.collection(:'south', array[:'foreign_gone', :'foreign_chair']::uuid[]) as foreign_losing,
       pg_temp.collection(:'north', :'gone'::uuid[]) as losing_all \gset
select pg_stat_get_xact_tuples_updated('atelier.collections'::regclass) as updated \gset
delete from atelier.products where id = any (:'gone'::uuid[] || :'foreign_gone'::uuid);
select results_eq(format('select selected_product_ids from atelier.collections where id in (%L, %L, %L) order by cardinality(selected_product_ids)', :'losing', :'foreign_losing', :'losing_all'),
    format('values (%L::uuid[]), (array[%L]::uuid[]), (array[%L, %L]::uuid[])', '{}', :'foreign_chair', :'chair', :'lamp'), 'S0-45: so do many at once, of several clients, and the others keep their order');
select is(pg_stat_get_xact_tuples_updated('atelier.collections'::regclass) - :updated, 3::bigint, 'S0-45, S0-104: each collection that selects some of them is changed once, no other is');

-- Deleting, and whole clients
select pg_temp.collection(:'north', array[:'chair', :'lamp']::uuid[]) as doomed \gset
select atelier.generate_collection(:'doomed');
select pg_temp.lease_all();
select pg_temp.asset_of(:'doomed', :'chair') as done, pg_temp.asset_of(:'doomed', :'lamp') as running \gset
select pg_temp.succeed(:'done');
select is(atelier.delete_collection(:'doomed'), :'doomed', 'S0-90, S2-49: a collection can be deleted');
select ok(bool_and(collection_id is null), 'S0-51: its assets stand alone then, completed ones too') from atelier.generated_assets where id in (:'done', :'running');
select pg_temp.succeed(:'running');
select is(status, 'completed', 'S0-51: one that was being made is made all the same') from atelier.generated_assets where id = :'running';
select is(pg_temp.told_of(:'doomed'), array['collection.generating', 'collection.deleted'], 'S0-90: an event tells of the deletion');
select atelier.create_collection(:'north', 'Analysed', array[:'chair']::uuid[], pg_temp.whole() - 'roomType') as analysed \gset
select atelier.add_inspiration(:'analysed', :'two');
select array_agg(job_id) as jobs from atelier.analyze_collection(:'analysed') \gset
select atelier.cancel_collection(:'analysed');
select is(pg_temp.state_of(:'analysed'), 'draft', 'X-58: cancelling an analysis makes it a draft again');
select is(count(*), 2::bigint, 'X-58: its jobs are cancelled, with the reason') from atelier_internal.history_failed where job_id = any (:'jobs') and state = 'cancelled' and error_message = 'the collection was cancelled';
select array_agg(job_id) as jobs from atelier.analyze_collection(:'analysed') \gset
select atelier.delete_collection(:'analysed');
select is(count(*), 2::bigint, 'X-58: so does deleting it') from atelier_internal.history_failed where job_id = any (:'jobs') and state = 'cancelled' and error_message = 'the collection was deleted';
select atelier.create_collection(:'north', 'Analysed', array[:'chair']::uuid[], pg_temp.whole() - 'roomType') as pictured \gset
select atelier.add_inspiration(:'pictured', pg_temp.picture(:'north', 'c/gone.jpg')) as lost \gset
select array_agg(job_id) as jobs from atelier.analyze_collection(:'pictured') \gset
delete from atelier.images where s3_key = 'c/gone.jpg';
select is(count(*), 1::bigint, 'X-58: the analysis of an inspiration whose image is removed is cancelled') from atelier_internal.history_failed where job_id = any (:'jobs') and error_message = 'the inspiration was removed';
select pg_temp.lease_all();
select pg_temp.succeed(:'pictured', jsonb_build_object('json', '{"assignments": [{"product": 1, "roomType": "office"}], "productTypes": [], "suggestedStyles": [], "recommendedInspirationKeywords": []}'::jsonb));
select is(pg_temp.state_of(:'pictured'), 'ready', 'X-47: and the collection waits for it no more');
select matches(pg_temp.error_of(format('select atelier.cancel_collection(%L)', :'pictured')), '^55000 \| collection cannot be cancelled while it is ready', 'X-58: nothing to cancel');
select pg_temp.product(:'south', 'sofa') as sofa \gset
select pg_temp.collection(:'south', array[:'sofa']::uuid[]) as orphan \gset
select atelier.generate_collection(:'orphan');
select atelier.create_collection(:'south', 'x', array[:'sofa']::uuid[], pg_temp.whole() - 'roomType') as orphan_analysed \gset
select array_agg(job_id) as jobs from atelier.analyze_collection(:'orphan_analysed') \gset
delete from atelier.clients where id = :'south';
select is((select count(*) from atelier.collections where client_id = :'south') + (select count(*) from atelier_internal.jobs where client_id = :'south'), 0::bigint, 'S0-42: with a client go its collections, and what was done for them');
select is(pg_temp.told_of(:'orphan'), array['collection.generating'], 'S0-42: which is no failure of the collection');

-- Listing
select atelier.create_client('East', 'collections-east') as east \gset
insert into atelier.collections (client_id, name, status, created_at) select :'east', 'C' || n, case when n % 3 = 0 then 'ready' else 'draft' end, timestamptz '2021-01-01' + (n / 3) * interval '1 day' from generate_series(1, 10) as n;
select is((select count(*) from atelier.list_collections(:'east')) * 10 + (select count(*) from atelier.list_collections(:'east', 'ready')), 103::bigint, 'S2-49: the collections of a client, also of one status');
create function pg_temp.pages(p_client uuid, p_size integer) returns uuid[] language plpgsql as $$
declare
    v_ids uuid[] := '{}'; v_page uuid[];
begin
    loop
        select array_agg(l.collection_id) into v_page from atelier.list_collections(p_client, max_rows => p_size, before => v_ids[cardinality(v_ids)]) l;
        exit when v_page is null or cardinality(v_ids) > 100;
        v_ids := v_ids || v_page;
    end loop;
    return v_ids;
end
$$;
select is(pg_temp.pages(:'east', size), (select array_agg(c.id order by c.created_at desc, c.id desc) from atelier.collections c where c.client_id = :'east'), format('S2-49: pages of %s are the whole list, newest first', size)) from unnest(array[1, 3, 4, 10]) as size;
select matches(pg_temp.error_of(format('select atelier.list_collections(%s)', replace(bad.arguments, '@', quote_literal(:'east')))), bad.expected, 'S2-49: list_collections refuses ' || bad.arguments)
  from (values ('null', '^22004'), ('gen_random_uuid()', '^23503'), ('@, ''done''', '^22023 \| status "done"'), ('@, max_rows => 0', '^22023 \| max_rows'), ('@, max_rows => null', '^22023'), ('@, before => gen_random_uuid()', '^P0002 \| collection not found')) as bad (arguments, expected);
insert into atelier.products (client_id, name, sku, category, room_types, metadata)
select :'east', 'Thing ' || n, to_char(n, '"T-"FM00'), case when n <= 4 then 'Seating' else 'light' end, case when n % 2 = 0 then array['office'] else '{}'::text[] end, case when n = 7 then '{"tags": ["Velvet"]}'::jsonb end from generate_series(1, 9) as n;
select is(array_agg(sku) filter (where sku is not null), wanted, 'S2-48: products ' || what) from (values
    ('all, by SKU', array['T-01', 'T-02', 'T-03', 'T-04', 'T-05', 'T-06', 'T-07', 'T-08', 'T-09'], null, null, null),
    ('of a category', array['T-01', 'T-02', 'T-03', 'T-04'], 'Seating', null, null), ('for a room', array['T-02', 'T-04', 'T-06', 'T-08'], null, 'office', null), ('of both', array['T-02', 'T-04'], 'Seating', 'office', null),
    ('by name', array['T-05'], null, null, 'thing 5'), ('by SKU', array['T-08'], null, null, 't-08'), ('by category', array['T-01', 'T-02', 'T-03', 'T-04'], null, null, 'SEAT'), ('by tag', array['T-07'], null, null, 'velvet'),
    ('by a text that is no pattern', null, null, null, '%')) as w (what, wanted, category, room, search)
  left join lateral atelier.list_products(:'east', w.category, w.room, w.search) as p on true group by what, wanted;
select is((select array_agg(l.sku) from atelier.list_products(:'east', max_rows => 4, after => (select id from atelier.products where client_id = :'east' and sku = 'T-03')) l), array['T-04', 'T-05', 'T-06', 'T-07'], 'S2-48: a page goes on where the last one ended');
select matches(pg_temp.error_of(format('select atelier.list_products(%s)', replace(bad.arguments, '@', quote_literal(:'east')))), bad.expected, 'S2-48: list_products refuses ' || bad.arguments)
  from (values ('null', '^22004'), ('gen_random_uuid()', '^23503'), ('@, max_rows => 1001', '^22023 \| max_rows'), ('@, after => gen_random_uuid()', '^P0002 \| product not found')) as bad (arguments, expected);
select matches(pg_temp.error_of(format('select atelier.list_products(%L, after => %L)', :'east', :'chair')), '^P0002', 'S0-30: another client''s product is no mark');

-- As an application
select pg_temp.member_of(:'north') as member \gset
savepoint application;
set local role atelier_app;
select atelier.set_context(:'member');
select atelier.create_collection(:'north', 'As an application', array[:'chair']::uuid[], pg_temp.whole() - 'roomType') as applied \gset
select count(*) as applied_jobs from atelier.analyze_collection(:'applied') \gset
select count(*) as applied_seen from atelier.collection_overview where collection_id = :'applied' \gset
select count(*) as applied_inspirations from atelier.inspiration_images where collection_id = :'applied' \gset
select atelier.collection_status(:'applied') ->> 'status' as applied_status \gset
select atelier.delete_collection(:'applied') as applied_deleted \gset
reset role;
select is(concat_ws(' ', :'applied_jobs', :'applied_seen', :'applied_inspirations', :'applied_status'), '1 1 0 analyzing', 'S0-90: applications make, read and delete collections');
rollback to savepoint application;

-- Drafts
select atelier.create_generation_request(:'north', :'chair', '{"style": "rustic", "own": 1}', enqueue => false) as draft \gset
select is((atelier.update_draft_asset(:'draft', '{"lighting": "soft", "own": null}')).settings, '{"style": "rustic", "lighting": "soft"}', 'S0-88: the settings of a draft can be changed');
select matches(pg_temp.error_of(format('select atelier.update_draft_asset(%L, %L)', :'draft', bad.value)), bad.expected, 'S0-88: not to ' || coalesce(bad.value, 'NULL'))
  from (values (null, '^22004 \| settings'), ('[]', '^22023'), ('{"style": "loud"}', '^22023 \| setting "style" has an unknown')) as bad (value, expected);
select matches(pg_temp.error_of(format('select atelier.update_draft_asset(%L, ''{}'')', :'running')), '^55000 \| asset cannot be changed while it is completed', 'S0-14: nor those of a completed asset');

select * from finish();
rollback;
