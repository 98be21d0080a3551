-- The analysis of a collection, from the call to the end: what is ordered, what is concluded, and how it ends whatever happens.
begin;
\ir include/studio.psql
\ir include/analysis.psql
select no_plan();
select pg_temp.start_engine();

select atelier.create_client('North', 'analysis-north') as north \gset
select pg_temp.product(:'north', 'Chair', '{living_room,bedroom}') as chair, pg_temp.product(:'north', 'Lamp', '{}', 'light') as lamp, pg_temp.product(:'north', 'Stool') as stool \gset
select pg_temp.picture(:'north', 'a/one.jpg') as one, pg_temp.picture(:'north', 'a/two.jpg', 1000, 1600) as two \gset

-- From draft to ready
select pg_temp.collection(:'north', array[:'chair', :'lamp', :'stool']::uuid[]) as autumn \gset
select pg_temp.inspire(:'autumn', :'two', 2) as second, pg_temp.inspire(:'autumn', :'one', 1) as first \gset
select results_eq(format('select pipeline, subject_id from atelier.analyze_collection(%L)', :'autumn'),
    format('values (%L, %L::uuid), (%L, %L::uuid), (%L, %L::uuid)', 'analyze_products', :'autumn', 'analyze_scene', :'first', 'analyze_scene', :'second'),
    'S0-62, S2-26: analyze_collection() asks for the products and for each inspiration, in their order');
select is(pg_temp.state_of(:'autumn'), 'analyzing', 'S0-44: meanwhile the collection is analyzing');
select is((select array_agg(e.kind) from atelier_internal.events e where e.subject_id = :'autumn' and e.kind like 'collection.%'), array['collection.analyzing'], 'S0-44: which an event tells');
select pg_temp.batch_job(:'autumn') as batch, pg_temp.scene_job(:'first') as first_job, pg_temp.scene_job(:'second') as second_job \gset
select is(pg_temp.lease_all(), 3::bigint, 'S2-26: the three can run at once');
select is(o -> 'action', '"ai.json"', 'S0-62: an analysis is a structured answer') from pg_temp.order_of_job(:'batch') as o;
select is((o ->> 'provider') || ' ' || (o ->> 'model'), 'offline rows', 'S0-61: the embedded provider takes what it says of products from the rows') from pg_temp.order_of_job(:'batch') as o;
select is((o ->> 'provider') || ' ' || (o ->> 'model'), 'offline measure', 'S0-63: and measures scenes') from pg_temp.order_of_job(:'first_job') as o;
select is(pg_temp.order_of_job(:'first_job') -> 'request', jsonb_build_object('task', 'scene', 'inputs', jsonb_build_array(jsonb_build_object(
    'role', 'scene', 'store', 'file', 'key', 'a/one.jpg', 'sha256', repeat('cd', 32)))), 'S0-63: the order of a scene names the picture and its hash');
select matches(pg_temp.error_of(format('select atelier.%s', call)), '^55000 \| collection cannot be analysed while it is analyzing \| Collection .* \| Wait until it has ended .*atelier\.cancel_collection',
    'X-47: nothing is analysed twice at once: ' || split_part(call, '(', 1))
  from unnest(array[format('analyze_collection(%L)', :'autumn'), format('analyze_products(%L)', :'autumn'), format('analyze_scene(%L)', :'first')]) as call;

select pg_temp.answer(:'first_job', pg_temp.scene());
select pg_temp.answer(:'batch', pg_temp.rooms('{living_room,unspecified,living_room}'));
select is(pg_temp.state_of(:'autumn'), 'analyzing', 'X-47: while one inspiration is not analysed the collection is not ready');
select is((select product_analysis from atelier.collections where id = :'autumn'), null, 'X-47: and nothing is concluded');
select pg_temp.answer(:'second_job', pg_temp.scene('{"style": "modern", "lighting": "evening"}'));
select is(pg_temp.state_of(:'autumn'), 'ready', 'S0-44, X-47: the last answer makes it ready');
select is(count(*), 0::bigint, 'S0-62: the batches are gone') from atelier_internal.product_batches;
select is(product_analysis -> 'productRoomAssignments', jsonb_build_object(:'chair', 'living_room', :'lamp', 'unspecified', :'stool', 'living_room'),
    'S0-61: every selected product has a room, unspecified is one') from atelier.collections where id = :'autumn';
select is(product_analysis -> 'roomTypeDistribution', '{"living_room": 2, "unspecified": 1}', 'S0-61: the distribution counts them') from atelier.collections where id = :'autumn';
select is(product_analysis ->> 'dominantCategory', 'seating', 'S0-61: the most frequent category is told from the rows') from atelier.collections where id = :'autumn';
select is(product_analysis - 'productRoomAssignments' - 'roomTypeDistribution' - 'dominantCategory' - 'analyzedAt',
    '{"productTypes": ["chairs"], "suggestedStyles": ["modern"], "recommendedInspirationKeywords": ["calm room"], "measured": [], "unknown": [],
      "from_rows": ["dominantCategory", "roomTypeDistribution", "productRoomAssignments", "productTypes", "recommendedInspirationKeywords", "suggestedStyles"],
      "provider": "offline", "model": "said"}',
    'S0-61: what the provider said, who it was, and that the embedded one only read rows') from atelier.collections where id = :'autumn';
select matches(product_analysis ->> 'analyzedAt', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'S0-61: analyzedAt is UTC with milliseconds') from atelier.collections where id = :'autumn';
select is((product_analysis ->> 'analyzedAt')::timestamptz, date_trunc('milliseconds', now()), 'S0-61: and that moment') from atelier.collections where id = :'autumn';
select lives_ok(format('select atelier.validate_product_analysis(product_analysis) from atelier.collections where id = %L', :'autumn'), 'S0-61: what is stored is valid');
select lives_ok(format('select atelier.validate_scene_analysis(analysis) from atelier.inspiration_images where collection_id = %L', :'autumn'), 'S0-63: the scenes as well');
select is(base_settings, '{"style": "scandinavian", "lighting": "natural", "colorScheme": "neutral", "cameraAngle": "eye_level", "aspectRatio": "4:3",
     "surroundings": "An indoor scene with a floor of oak planks and walls of white plaster; mood: calm.", "props": ["linen curtain", "fern"],
     "varietyLevel": 5, "matchProductColors": false}', 'S0-46, S0-62, S2-26: the base settings are derived; of a tie the first inspiration decides') from atelier.collections where id = :'autumn';
select is((select array_agg(e.kind order by e.id) from atelier_internal.events e where e.subject_id = :'autumn' and e.kind like 'collection.%'), array['collection.analyzing', 'collection.ready'], 'S0-44: an event tells of each status');

-- What may be generated
create function pg_temp.generate(p_collection uuid) returns text language sql as $$ select pg_temp.error_of(format('select atelier.generate_collection(%L)', p_collection)) $$;
select alike(pg_temp.generate(:'autumn'), '55000 | collection is not complete: 3 products have no photo%', 'X-49: an analysis that is done is no longer what generating lacks');
select pg_temp.collection(:'north', array[:'chair']::uuid[]) as spring \gset
select pg_temp.inspire(:'spring', :'one') as scene \gset
select alike(pg_temp.generate(:'spring'), '55000 | collection cannot be generated while it is draft%', 'X-49: what was not analysed is not generated');
select count(*) as started from atelier.analyze_collection(:'spring') \gset
select alike(pg_temp.generate(:'spring'), '55000 | collection cannot be generated while it is analyzing%', 'X-49: nor what is being analysed');
select pg_temp.lease_all();
select pg_temp.answer(pg_temp.scene_job(:'scene'), pg_temp.scene());
select pg_temp.fail_job(pg_temp.batch_job(:'spring'), 'content_blocked', 'no');
select is(pg_temp.state_of(:'spring'), 'error: the analysis of product Chair failed: no; atelier.analyze_collection() tries again', 'X-47: a product that failed is named');
select alike(pg_temp.generate(:'spring'), '55000 | collection cannot be generated while it is error%', 'X-49: nor what could not be analysed');

-- Again, and only what lacks
select is((select count(*) from atelier.analyze_collection(:'autumn')), 0::bigint, 'S2-26: where nothing lacks there is nothing to do');
select is(pg_temp.state_of(:'autumn'), 'ready', 'S2-26: and the collection is ready at once');
select pg_temp.product(:'north', 'Sofa') as sofa \gset
update atelier.collections set selected_product_ids = selected_product_ids || :'sofa'::uuid where id = :'autumn';
select is((select count(*) from atelier.analyze_collection(:'autumn', priority => -5)), 1::bigint, 'S2-26: a product that joined is analysed alone');
select is((select priority from atelier_internal.jobs where id = pg_temp.batch_job(:'autumn')), -5::smallint, 'S2-26: with the priority that was asked for');
select pg_temp.lease_all();
select is(jsonb_path_query_array(pg_temp.order_of_job(pg_temp.batch_job(:'autumn')), '$.request.products[*].name'), '["Sofa"]', 'S2-26: no other product is in the order');
delete from atelier.products where id = :'stool';
select pg_temp.answer(pg_temp.batch_job(:'autumn'), pg_temp.rooms('{office}', '{"productTypes": ["sofas", "chairs"]}'));
select is(product_analysis -> 'productRoomAssignments', jsonb_build_object(:'chair', 'living_room', :'lamp', 'unspecified', :'sofa', 'office'),
    'S0-61: former rooms stay, those of products that left the selection go') from atelier.collections where id = :'autumn';
select is(product_analysis -> 'productTypes', '["chairs", "sofas"]', 'S0-61: what is said of all is joined, the most frequent first') from atelier.collections where id = :'autumn';
select is((select count(*) from atelier.analyze_collection(:'autumn', again => true)), 3::bigint, 'S2-26: again => true analyses everything anew');
select pg_temp.scene_job(:'first') as first_job \gset
select pg_temp.lease_all();
select pg_temp.answer(pg_temp.batch_job(:'autumn'), pg_temp.rooms('{bedroom,bedroom,bedroom}', '{"productTypes": ["beds"]}'));
select pg_temp.answer(pg_temp.scene_job(:'second'), pg_temp.scene());
select pg_temp.fail_job(:'first_job', 'content_blocked', 'not this picture');
select is(pg_temp.state_of(:'autumn'), format('error: the analysis of inspiration %s failed: not this picture; atelier.analyze_collection() tries again', :'first'), 'X-47: one that fails puts the collection to error, which names it and why');
select is(product_analysis -> 'productTypes', '["beds"]', 'S0-61: the answers that came are kept; when all was asked, the former ones are forgotten') from atelier.collections where id = :'autumn';
select is(analysis ->> 'style', 'scandinavian', 'S0-63: the former analysis of the failed one stays') from atelier.inspiration_images where id = :'first';
select results_eq(format('select subject_id from atelier.analyze_collection(%L)', :'autumn'), format('values (%L::uuid)', :'first'), 'X-47: the next call asks for the failed one alone');
select is(pg_temp.state_of(:'autumn'), 'analyzing', 'S0-44: the error is forgotten');
select pg_temp.lease_all();
select pg_temp.answer(pg_temp.scene_job(:'first'), pg_temp.scene());
select is(pg_temp.state_of(:'autumn'), 'ready', 'X-47: and ends well this time');

-- Refused up front
create function pg_temp.try(p_collection uuid) returns text language sql volatile as $$ select pg_temp.error_of(format('select atelier.analyze_collection(%L)', p_collection)) $$;
select matches(pg_temp.try(null), '^22004 \| collection_id must not be null', 'S2-26: analyze_collection refuses NULL');
select matches(pg_temp.try('00000000-0000-4000-8000-000000000001'), '^P0002 \| collection not found', 'S2-26: an unknown collection');
select matches(pg_temp.error_of(format('select atelier.analyze_collection(%L, again => %s, provider => %L, priority => %s)', :'autumn', bad.again, bad.provider, bad.priority)), bad.expected,
               'S2-26: ' || bad.expected)
  from (values ('null', null, '0', '^22004 \| again'), ('true', null, 'null', '^22004 \| priority'), ('true', null, '101', '^22023 \| priority 101 is out of range'),
               ('true', 'nobody', '0', '^42704 \| provider "nobody" does not exist')) as bad (again, provider, priority, expected);
select is(pg_temp.state_of(:'autumn'), 'ready', 'S2-26: a refusal changes nothing');
select matches(pg_temp.try(pg_temp.collection(:'north', '{}')), '^55000 \| collection has no products \| .* \| Select products with atelier\.set_collection_products\(\)', 'S2-26: a collection without products');
select pg_temp.collection(:'north', array[:'chair', :'lamp']::uuid[], '{"style": "modern", "lighting": "soft", "surroundings": ""}') as bare \gset
select is(pg_temp.try(:'bare'), '55000 | collection has no inspirations, and its base settings lack colorScheme, cameraAngle, aspectRatio, props, varietyLevel and matchProductColors | They are made of the own settings of the collection and the generationDefaults of its client. | Give inspirations with atelier.add_inspiration(), or the settings with atelier.update_collection_settings().',
    'X-51: without inspirations, settings that are not complete are refused, naming what lacks');
update atelier.clients set settings = jsonb_build_object('generationDefaults', pg_temp.whole() - 'roomType' || '{"style": "rustic"}') where id = :'north';
select is((select count(*) from atelier.analyze_collection(:'bare')), 1::bigint, 'X-51: with complete defaults of the client they are not needed');
select pg_temp.lease_all();
select pg_temp.answer(pg_temp.batch_job(:'bare'), pg_temp.rooms('{bedroom,kitchen}'));
select is(pg_temp.state_of(:'bare') || ' ' || (base_settings ->> 'style') || ' ' || (base_settings ->> 'lighting') || ' ' || (base_settings ->> 'cameraAngle'), 'ready modern soft eye_level',
    'X-51: the base settings are the generationDefaults with the own settings over them') from atelier.collections where id = :'bare';
update atelier.clients set settings = '{}' where id = :'north';

insert into atelier.images (client_id, s3_key, status, error_class, error_message) values (:'north', 'a/broken.jpg', 'failed', 'invalid_request', 'the file is cut short') returning id as broken \gset
select pg_temp.collection(:'north', array[:'chair']::uuid[]) as summer \gset
select pg_temp.inspire(:'summer', :'broken', 1) as cracked, pg_temp.inspire(:'summer', :'one', 2) as sound \gset
select matches(pg_temp.try(:'summer'), format('^55000 \| inspiration cannot be used: the file is cut short \| The inspection of image %s \(key "a/broken.jpg"\) failed', :'broken'), 'X-47: an inspiration whose picture failed is refused, naming it');
select ok(not exists (select from atelier_internal.jobs where client_id = :'north'), 'X-47: nothing was enqueued');

-- Parts
delete from atelier.inspiration_images where id = :'cracked';
select atelier.analyze_scene(:'sound') as job \gset
select is(pg_temp.state_of(:'summer') || ' ' || pg_temp.scene_job(:'sound'), 'analyzing ' || :'job', 'S2-50: analyze_scene() has one inspiration analysed, and returns the job');
select pg_temp.lease_all();
select pg_temp.answer(:'job', pg_temp.scene());
select is(pg_temp.state_of(:'summer'), 'draft', 'S2-50: while the products are not analysed the collection is a draft after that');
select is((select count(*) from atelier.analyze_products(:'summer')), 1::bigint, 'S2-50: analyze_products() has the products analysed');
select pg_temp.lease_all();
select pg_temp.answer(pg_temp.batch_job(:'summer'), pg_temp.rooms('{office}'));
select is(pg_temp.state_of(:'summer'), 'ready', 'S2-50: with both it is ready');
select is((select count(*) from atelier.analyze_products(:'summer')), 1::bigint, 'S2-50: products that were analysed are analysed anew');
select pg_temp.lease_all();
select pg_temp.answer(pg_temp.batch_job(:'summer'), pg_temp.rooms('{bedroom}'));
select is(product_analysis #>> array['productRoomAssignments', :'chair'], 'bedroom', 'S2-50: the new answer counts') from atelier.collections where id = :'summer';
select matches(pg_temp.error_of('select atelier.analyze_scene(' || bad.id || ')'), bad.expected, 'S2-50: analyze_scene refuses ' || bad.id)
  from (values ('null', '^22004 \| inspiration_id'), ('gen_random_uuid()', '^P0002 \| inspiration not found')) as bad (id, expected);
select matches(pg_temp.error_of(format('select atelier.analyze_products(%L)', pg_temp.collection(:'north', '{}'))), '^55000 \| collection has no products', 'S2-50: analyze_products refuses an empty selection');
select pg_temp.inspire(:'summer', :'two', 3) as late \gset
select atelier.analyze_scene(:'sound') as job \gset
select pg_temp.lease_all();
select pg_temp.answer(:'job', pg_temp.scene());
select is(pg_temp.state_of(:'summer'), 'draft', 'X-47: an inspiration that was never analysed keeps the collection from being ready');

-- A picture that is still being inspected
select atelier.register_image(:'north', 'a/new.jpg') as new \gset
select pg_temp.collection(:'north', array[:'chair']::uuid[]) as winter \gset
select pg_temp.inspire(:'winter', :'new') as fresh \gset
select count(*) as started from atelier.analyze_collection(:'winter') \gset
select pg_temp.lease_all();
select is(pg_temp.outcome_of(pg_temp.scene_job(:'fresh')), 'waiting: dependency', 'X-47: an analysis waits for the inspection of its picture');
select pg_temp.succeed(:'new');
select is(pg_temp.lease_all(), 1::bigint, 'X-47: and runs when that has measured it');
select pg_temp.answer(pg_temp.scene_job(:'fresh'), pg_temp.scene());
select is(analysis ->> 'orientation', 'landscape', 'S0-63: the orientation is that of the measured picture') from atelier.inspiration_images where id = :'fresh';
select pg_temp.answer(pg_temp.batch_job(:'winter'), pg_temp.rooms('{office}'));
select is(pg_temp.state_of(:'winter'), 'ready', 'X-47: then the collection is ready');
select atelier.register_image(:'north', 'a/bad.jpg') as bad \gset
select pg_temp.inspire(:'winter', :'bad', 1) as spoiled \gset
select count(*) as started from atelier.analyze_collection(:'winter') \gset
select pg_temp.lease_all();
select pg_temp.fail(:'bad', 'invalid_request', 'the file is cut short');
select is(pg_temp.state_of(:'winter'), format('error: the analysis of inspiration %s failed: a job it needs ended first: the file is cut short; atelier.analyze_collection() tries again', :'spoiled'), 'X-47: an inspection that fails ends the analysis with its reason');

-- However it ends, the collection does not stay in analyzing
create function pg_temp.analyzing(p_client uuid, p_image uuid) returns uuid language plpgsql as $$
declare
    v_collection uuid := pg_temp.collection(p_client, array[pg_temp.product(p_client, 'P ' || gen_random_uuid()), pg_temp.product(p_client, 'Q ' || gen_random_uuid())]);
begin
    perform pg_temp.inspire(v_collection, p_image);
    perform atelier.analyze_collection(v_collection);
    perform pg_temp.lease_all();
    return v_collection;
end
$$;
create function pg_temp.scene_of(p_collection uuid) returns uuid language sql volatile as $$ select i.id from atelier.inspiration_images i where i.collection_id = p_collection $$;

select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.answer(pg_temp.scene_job(pg_temp.scene_of(:'c')), pg_temp.scene());
select atelier.cancel_job(pg_temp.batch_job(:'c'), 'too expensive') as cancelled \gset
select matches(pg_temp.state_of(:'c'), '^error: the analysis of 2 products \(P .*, Q .*\) failed: cancelled: too expensive; atelier.analyze_collection\(\) tries again$', 'S0-44: a job that a DBA cancels ends the analysis with the reason');
select is((select array_agg(j.id) from atelier_internal.jobs j where j.client_id = :'north'), null, 'S0-44: no job is left');
select pg_temp.analyzing(:'north', :'one') as c \gset
select atelier.cancel_job(pg_temp.scene_job(pg_temp.scene_of(:'c'))) as cancelled \gset
select is(pg_temp.state_of(:'c'), 'analyzing', 'S0-44: while another job is under way the collection is analyzing');
select pg_temp.answer(pg_temp.batch_job(:'c'), pg_temp.rooms('{office,office}'));
select is(pg_temp.state_of(:'c'), format('error: the analysis of inspiration %s failed: cancelled: cancelled by hand; atelier.analyze_collection() tries again', pg_temp.scene_of(:'c')), 'S0-44: the last one ends it');
select is((select count(*) from jsonb_object_keys(product_analysis -> 'productRoomAssignments')), 2::bigint, 'S0-61: what was answered before the failure is kept') from atelier.collections where id = :'c';

select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.scene_job(pg_temp.scene_of(:'c')) as job \gset
select pg_temp.answer(pg_temp.batch_job(:'c'), pg_temp.rooms('{office,office}'));
update atelier_internal.jobs set crashes = 2 where id = :'job';
select pg_temp.fail_job(:'job', 'worker_lost', 'the child crashed');
select is(pg_temp.state_of(:'c'), format('error: the analysis of inspiration %s failed: given up after repeated crashes: the child crashed; atelier.analyze_collection() tries again', pg_temp.scene_of(:'c')), 'S0-44: a quarantined job ends the analysis');

select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.scene_job(pg_temp.scene_of(:'c')) as job \gset
select pg_temp.answer(pg_temp.batch_job(:'c'), pg_temp.rooms('{office,office}'));
delete from atelier.inspiration_images where collection_id = :'c';
select is(pg_temp.outcome_of(:'job'), 'cancelled: cancelled: the inspiration was removed', 'S0-47: the analysis of an inspiration that is removed is cancelled');
select matches(pg_temp.state_of(:'c'), '^error: the base settings lack style, lighting, .* and matchProductColors; atelier\.add_inspiration\(\) lets them be derived', 'X-51, S0-44: which ends that of its collection, with what lacks now');
select pg_temp.answer(:'job', pg_temp.scene());
select matches(pg_temp.state_of(:'c'), '^error: the base settings lack', 'S0-47: its late answer changes nothing');

select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.answer(pg_temp.scene_job(pg_temp.scene_of(:'c')), pg_temp.scene());
delete from atelier.products where id = (select selected_product_ids[1] from atelier.collections where id = :'c');
select pg_temp.answer(pg_temp.batch_job(:'c'), pg_temp.rooms('{office,bedroom}'));
select is(product_analysis -> 'productRoomAssignments', jsonb_build_object(selected_product_ids[1], 'bedroom'), 'S0-45: a product that is removed while its batch runs is left out') from atelier.collections where id = :'c';
select is(pg_temp.state_of(:'c'), 'ready', 'S0-44: the others are analysed');

select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.batch_job(:'c') as job \gset
select pg_temp.answer(pg_temp.scene_job(pg_temp.scene_of(:'c')), pg_temp.scene());
delete from atelier.products where id in (select unnest(selected_product_ids) from atelier.collections where id = :'c');
select pg_temp.answer(:'job', pg_temp.rooms('{office,bedroom}'));
select is(pg_temp.state_of(:'c'), 'error: all products of the selection were removed while they were analysed; atelier.set_collection_products() selects others', 'S0-44: when all products are removed the analysis ends, and says so');

select pg_temp.collection(:'north', array[pg_temp.product(:'north', 'Gone soon')]) as c \gset
select pg_temp.inspire(:'c', :'one', 0, pg_temp.scene());
select count(*) as started from atelier.analyze_collection(:'c') \gset
select pg_temp.batch_job(:'c') as job \gset
delete from atelier.products where id = (select selected_product_ids[1] from atelier.collections where id = :'c');
select is(pg_temp.lease_all(), 0::bigint, 'S0-45: a batch without products is not sent');
select is(pg_temp.outcome_of(:'job'), 'cancelled: cancelled: the products were removed', 'S0-45: it is cancelled');
select matches(pg_temp.state_of(:'c'), '^error: all products of the selection were removed', 'S0-44: which ends the analysis');

-- An answer counts only while its job is the one that is waited for
select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.batch_job(:'c') as old_batch, pg_temp.scene_job(pg_temp.scene_of(:'c')) as old_scene \gset
select atelier_internal.cancel_analysis(:'c', 'another selection');
select is(pg_temp.state_of(:'c'), 'analyzing', 'S0-44: cancel_analysis() leaves the status to its caller');
select is(pg_temp.outcome_of(job), 'cancelled: cancelled: another selection', 'X-58: and cancels the jobs') from unnest(array[:'old_batch', :'old_scene']::uuid[]) as job;
update atelier.collections set status = 'draft' where id = :'c';
select count(*) as started from atelier.analyze_collection(:'c') \gset
select pg_temp.answer(:'old_batch', pg_temp.rooms('{kitchen,kitchen}')), pg_temp.answer(:'old_scene', pg_temp.scene());
select is((select analysis from atelier.inspiration_images where collection_id = :'c'), null, 'E-02: an answer for a cancelled analysis changes no inspiration');
select is((select answer from atelier_internal.product_batches where collection_id = :'c'), null, 'E-02: and no batch');
select is(pg_temp.state_of(:'c'), 'analyzing', 'E-02: the collection waits for its own');

-- Cancelled with a part done
select pg_temp.lease_all();
select pg_temp.answer(pg_temp.batch_job(:'c'), pg_temp.rooms('{kitchen,kitchen}'));
select atelier.cancel_collection(:'c') = :'c' as cancelled \gset
select is(pg_temp.state_of(:'c'), 'draft', 'S0-44: cancel_collection() makes one that is analyzing a draft');
select is(product_analysis -> 'roomTypeDistribution', '{"kitchen": 2}', 'S0-61: cancelling keeps the answers that were paid for') from atelier.collections where id = :'c';
select results_eq(format('select pipeline from atelier.analyze_collection(%L)', :'c'), array['analyze_scene'], 'S2-26: so that only the rest is asked for again');

-- The hooks themselves, asked for jobs that are not the current ones
select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.scene_of(:'c') as scene, gen_random_uuid() as old \gset
select atelier_internal.settle_analyze_scene(array[row(:'old', :'scene', :'north', '{}', 1, null, 'offline', '', jsonb_build_object('json', pg_temp.scene()))::atelier_internal.settlement]);
select is((select (analysis, job_id is not null)::text from atelier.inspiration_images where id = :'scene'), '(,t)', 'E-02: a scene takes no answer of a former job');
select atelier_internal.settle_analyze_products(array[row(:'old', :'c', :'north', '{}', 1, null, 'offline', '', jsonb_build_object('json', pg_temp.rooms('{kitchen,kitchen}')))::atelier_internal.settlement]);
select is((select (answer, job_id is not null)::text from atelier_internal.product_batches where collection_id = :'c'), '(,t)', 'E-02: nor do products');
delete from atelier.collections where id = :'c';
select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.scene_of(:'c') as scene, gen_random_uuid() as old \gset
select atelier_internal.fail_analyze_scene(array[row(:'old', :'scene', :'north', 'failed', 'timeout', 'late')::atelier_internal.failure]);
select is((select (error_message, job_id is not null)::text from atelier.inspiration_images where id = :'scene'), '(,t)', 'E-02: the end of a former job is not that of a scene');
select atelier_internal.fail_analyze_products(array[row(:'old', :'c', :'north', 'failed', 'timeout', 'late')::atelier_internal.failure]);
select is((select (error_message, job_id is not null)::text from atelier_internal.product_batches where collection_id = :'c'), '(,t)', 'E-02: nor of products');
delete from atelier.collections where id = :'c';

-- Removing everything
select pg_temp.analyzing(:'north', :'one') as c \gset
select pg_temp.batch_job(:'c') as batch, pg_temp.scene_job(pg_temp.scene_of(:'c')) as scene \gset
select atelier.delete_collection(:'c') = :'c' as deleted \gset
select is(pg_temp.outcome_of(job), 'cancelled: cancelled: the collection was deleted', 'S0-47, X-58: deleting a collection cancels its analyses') from unnest(array[:'batch', :'scene']::uuid[]) as job;
select pg_temp.analyzing(:'north', :'one') as c \gset
select lives_ok(format('delete from atelier.clients where id = %L', :'north'), 'S0-42: deleting a client ends them as well');
select is((select count(*) from atelier_internal.jobs), 0::bigint, 'X-58: no job is left');
select is((select count(*) from atelier_internal.alerts), 0::bigint, 'S0-44: nothing was left for a DBA to put right');

select * from finish();
rollback;
