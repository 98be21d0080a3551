-- Photos of Unsplash: the servers and who may use them, what an import leaves, and that nothing is kept there.
\set QUIET on
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create role unsplash_admin login in role atelier_admin;
create role unsplash_user login in role atelier_app;
create function pg_temp.refusal(p_role text, p_command text) returns text language sql as $$
    select pg_temp.error_of(format('set local role %I; %s; reset role', p_role, p_command))
$$;

-- Without a server
select atelier.create_client('North', 'unsplash-north') as north, atelier.create_client('South', 'unsplash-south') as south \gset
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair \gset
select atelier.create_collection(:'north', 'Autumn', array[:'chair']::uuid[]) as autumn, atelier.create_collection(:'north', 'Winter') as winter,
       atelier.create_collection(:'south', 'Spring') as spring, pg_temp.member_of(:'north') as member \gset
select is(pg_temp.error_of(format('select atelier.import_unsplash(%L, %L)', :'autumn', 'abc')),
          '42704 | there is no server of Unsplash that you may use | A DBA makes one with CREATE SERVER unsplash FOREIGN DATA WRAPPER atelier_unsplash, and grants USAGE on it.',
          'S0-91: without a server nothing is imported');

-- Options
create server unsplash foreign data wrapper atelier_unsplash;
create server painter foreign data wrapper atelier_gemini options (image_model 'm');
create server media foreign data wrapper atelier_s3 options (bucket 'b');
select is(atelier_internal.provider_option('unsplash', name), value, 'default of ' || name) from (values
    ('base_url', 'https://api.unsplash.com'), ('app_name', 'pg_atelier'), ('connect_timeout', '10s'), ('progress_timeout', '30s'), ('timeout', '2min'),
    ('image_model', null), ('outcome_unknown', null), ('api_key', null)) as t (name, value);
select is(pg_temp.refusal('postgres', command), 'no error', command) from (values
    ('alter server unsplash options (add base_url ''http://127.0.0.1:8080'', add app_name ''my-app_1'')'),
    ('alter server unsplash options (add connect_timeout ''1s'', add timeout ''1min'')')) as t (command);
select is(pg_temp.refusal('postgres', format('create server bad foreign data wrapper atelier_unsplash options (%s %L)', name, value)),
          format('22023 | invalid value for option "%s" | %s', name, hint), format('%s %s is refused', name, value)) from (values
    ('app_name', 'a b', 'It is the name of the application as Unsplash knows it: 1 to 100 letters, digits, "-" and "_".'),
    ('app_name', '', 'It is the name of the application as Unsplash knows it: 1 to 100 letters, digits, "-" and "_".'),
    ('base_url', 'http://api.unsplash.com', 'It is https://host[:port][/path] without user, query, fragment and trailing slash; http:// only for localhost, 127.0.0.0/8 and [::1].')) as bad (name, value, hint);
select matches(pg_temp.refusal('postgres', 'alter server unsplash options (add image_model ''m'')'), '^HV00D \| atelier_unsplash has no option "image_model" of a foreign server', 'an option of others is none');
select matches(pg_temp.refusal('postgres', 'create user mapping for public server unsplash options (api_key ''a'', api_key_env ''B'')'), '^22023 \| options "api_key" and "api_key_env" exclude each other', 'one way to hold the key');
alter server unsplash owner to unsplash_user;
select matches(pg_temp.refusal('unsplash_user', 'alter server unsplash options (set base_url ''https://evil.example'')'), '^42501 \| permission denied to set option "base_url"', 'where requests go is for administrators to say');
alter server unsplash owner to postgres;
select is(pg_temp.refusal('unsplash_admin', 'create server mine foreign data wrapper atelier_unsplash'), 'no error', 'atelier_admin makes servers');
drop server mine;

-- What the DBA sees
select is((select (photo_library, base_url, app_name, key_source, key_ready, state)::text from atelier.photo_libraries), '(unsplash,http://127.0.0.1:8080,my-app_1,missing,f,open)', 'the view of libraries');
select is((select (ok, finding, advice)::text from atelier.self_check() where area = 'photo library'),
          '(f,"server unsplash of Unsplash: it has no key","CREATE USER MAPPING FOR atelier_owner SERVER unsplash OPTIONS (api_key_file ''/path/of/the/key'');")', 'self_check asks for a key');
create user mapping for atelier_owner server unsplash options (api_key 'PLANTED');
select is((select key_source || key_ready from atelier.photo_libraries), 'mappingtrue', 'and sees it when it is there');
select is_empty($$select from atelier.providers where provider = 'unsplash' union all select from atelier.stores where store = 'unsplash'$$, 'it is neither a provider nor a store');
select is_empty($$select from atelier.self_check() c where c.area in ('provider', 'store') and c.finding like '%unsplash%'$$, 'and not judged as one');

-- What it is not
select is(atelier_internal.is_paid('unsplash'), false, 'an import may simply be done again');
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', 'a.jpg', 'unsplash')), '^42809 \| server "unsplash" is no store: its photos stay where they are \| atelier.import_unsplash\(\)', 'no object is registered there');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 100, store => %L)', :'north', 'a.jpg', 'image/jpeg', 'unsplash')), '^42809', 'no upload goes there');
select matches(pg_temp.error_of($$select atelier.move_objects('media', 'unsplash')$$), '^42809', 'nothing moves there');
select matches(pg_temp.error_of($$select atelier.move_objects('unsplash', 'media')$$), '^42809', 'or from there');
set local pg_atelier.default_store = 'unsplash';
select matches(pg_temp.error_of('select atelier_internal.output_store()'), '^42704 \| store "unsplash" does not exist \| It is the value of pg_atelier.default_store', 'no picture is made there');
reset pg_atelier.default_store;
select matches(pg_temp.error_of(format('select atelier.create_generation_request(%L, %L, pg_temp.whole(), provider => %L)', :'north', :'chair', 'unsplash')),
               '^22023 \| provider "unsplash" has no model .*It is a server of Unsplash, which has photos and makes none\.', 'and none by it');

-- Who and what may be imported
select is(pg_temp.error_of(format('select atelier.import_unsplash(%L, %L)', :'autumn', id)),
          format('22023 | photo_id is not valid | It is %s. | Give the id of the photo as Unsplash has it: 1 to 64 letters, digits, "-" and "_".', to_json(id)), 'no photo has the id ' || to_json(id))
  from unnest(array['', 'a/b', '..', 'a b', 'a?x', e'a\n', 'é', repeat('a', 65), 'https://unsplash.com/photos/a']) as id;
select matches(pg_temp.error_of(format('select atelier.import_unsplash(%L, null)', :'autumn')), '^22004', 'an id is needed');
select matches(pg_temp.error_of($$select atelier.import_unsplash(null, 'abc')$$), '^22004', 'a collection too');
select matches(pg_temp.error_of($$select atelier.import_unsplash('00000000-0000-0000-0000-000000000000', 'abc')$$), '^P0002 \| collection not found', 'one that there is');
select matches(pg_temp.error_of(format('select atelier.import_unsplash(%L, %L, %L)', :'autumn', 'abc', name)), pattern, 'not from ' || name) from (values
    ('painter', '^42809 \| "painter" is no server of Unsplash \| You may use: unsplash\.'), ('media', '^42809'), ('file', '^42809'), ('offline', '^42809'),
    ('nobody', '^42704 \| server "nobody" does not exist \| You may use: unsplash\.')) as t (name, pattern);
select matches(pg_temp.refusal_for('unsplash_user', :'member', format('select atelier.import_unsplash(%L, %L, %L)', :'autumn', 'abc', 'unsplash')), '^42501 \| permission denied for provider "unsplash"', 'USAGE is needed');
select matches(pg_temp.refusal_for('unsplash_user', :'member', format('select atelier.import_unsplash(%L, %L)', :'autumn', 'abc')), '^42704 \| there is no server of Unsplash that you may use', 'and nothing is found without it');
create server second foreign data wrapper atelier_unsplash;
select matches(pg_temp.error_of(format('select atelier.import_unsplash(%L, %L)', :'autumn', 'abc')), '^22023 \| there are several servers of Unsplash \| Name one with provider => one of: second, unsplash\.', 'of several one is named');
drop server second;
select is((select count(*) from atelier.images), 0::bigint, 'what was refused left nothing');

-- An import
select atelier.import_unsplash(:'autumn', 'aB3-_x') as inspiration \gset
select image_id as image from atelier.inspiration_images where id = :'inspiration' \gset
select is((select (store, s3_bucket, s3_key, status, metadata, url)::text from atelier.images where id = :'image'),
          format('(unsplash,"",clients/%s/photos/aB3-_x,pending,"{""source"": ""unsplash""}",)', :'north'), 'S0-39: an imported photo is an image of source unsplash');
select is((select (source, display_order)::text from atelier.inspiration_images where id = :'inspiration'), '(unsplash,0)', 'S0-48: and an inspiration of that source');
select is(pg_temp.lease_all(), 1::bigint, 'the photo is looked up before its use is told');
select is(pg_temp.order_of(:'image') - 'lease', '{"action": "storage.head", "provider": "unsplash", "model": "", "timeout_ms": 60000, "request": {"library": "unsplash", "photo": "aB3-_x"}}', 'the order to look it up');
select pg_temp.succeed(:'image', '{"url": "https://images.unsplash.com/photo-1?ixid=M3", "photo": {"id": "aB3-_x", "pageUrl": "https://unsplash.com/photos/aB3-_x", "photographer": "Anna", "profileUrl": "https://unsplash.com/@anna?x=1", "downloadLocation": "https://api.unsplash.com/photos/aB3-_x/download?ixid=M3", "description": ""}}');
select is((select (status, url, width, height, file_size, mime_type)::text from atelier.images where id = :'image'), '(ready,https://images.unsplash.com/photo-1?ixid=M3,640,480,1234,image/png)', 'S0-38: what it is and where');
select is((select metadata from atelier.images where id = :'image'), jsonb_build_object(
    'source', 'unsplash', 'caption', 'Photo by Anna on Unsplash', 'unsplash', jsonb_build_object(
        'photoId', 'aB3-_x', 'photographer', 'Anna', 'photographerUrl', 'https://unsplash.com/@anna?x=1&utm_source=my-app_1&utm_medium=referral',
        'photoUrl', 'https://unsplash.com/photos/aB3-_x?utm_source=my-app_1&utm_medium=referral',
        'unsplashUrl', 'https://unsplash.com/?utm_source=my-app_1&utm_medium=referral',
        'downloadLocation', 'https://api.unsplash.com/photos/aB3-_x/download?ixid=M3')), 'S0-39: whom to thank, as links of the application');
select is(atelier.image_url(:'image'), 'https://images.unsplash.com/photo-1?ixid=M3', 'S2-20: it is shown from where it is');
select is(pg_temp.lease_all(), 1::bigint, 'then its use is told');
select is((select body -> 'action' || (body -> 'request') from pg_temp.orders order by attempt desc limit 1),
          '["http.request", {"library": "unsplash", "download_location": "https://api.unsplash.com/photos/aB3-_x/download?ixid=M3"}]', 'at the place that was named for it');
select is(atelier_internal.picture_input('scene', i), jsonb_build_object('role', 'scene', 'store', 'unsplash', 'key', i.s3_key, 'sha256', repeat('ab', 32), 'url', i.url),
          'S0-64: whoever looks at it gets it from there') from atelier.images i where i.id = :'image';

-- Again, and by others
select is(atelier.import_unsplash(:'autumn', 'aB3-_x'), :'inspiration', 'the same photo again is the same inspiration');
select is(pg_temp.lease_all(), 0::bigint, 'of which nothing is asked or told');
select atelier.import_unsplash(:'winter', 'aB3-_x') as inspiration \gset
select is((select image_id from atelier.inspiration_images where id = :'inspiration'), :'image', 'another collection of the client shares the image');
select is(pg_temp.lease_all(), 1::bigint, 'and its use there is told');
select atelier.import_unsplash(:'spring', 'aB3-_x') as inspiration \gset
select is((select count(*) from atelier.inspiration_images where id = :'inspiration' and image_id <> :'image'), 1::bigint, 'another client has its own');
select is((select array_agg(display_order order by display_order) from atelier.inspiration_images i where i.collection_id = :'autumn'), '{0}', 'one place so far');
select atelier.import_unsplash(:'autumn', 'second') as second \gset
select is((select display_order from atelier.inspiration_images where id = :'second'), 1, 'S0-64: a new inspiration goes last');

-- One that failed
select pg_temp.lease_all();
select image_id as bad from atelier.inspiration_images where id = :'second' \gset
select pg_temp.fail(:'bad', 'invalid_request', 'there is no such photo');
select is((select (status, error_message)::text from atelier.images where id = :'bad'), '(failed,"there is no such photo")', 'a photo that there is not');
select is(pg_temp.lease_all(), 0::bigint, 'its use is never told');
select matches(pg_temp.error_of(format('select atelier.add_inspiration(%L, %L)', :'autumn', :'bad')), '^55000 \| image cannot be used: there is no such photo .*\| atelier\.import_unsplash\(\) looks the photo up again', 'and it inspires nobody');
select is(atelier.import_unsplash(:'autumn', 'second'), :'second', 'it may be imported again');
select is(pg_temp.lease_all(), 1::bigint, 'and is looked up again');
select pg_temp.fail(:'bad', 'auth', 'wrong key');
select is((select (state, pause_reason)::text from atelier.photo_libraries), '(paused,"auth: wrong key")', 'a wrong key pauses the server');

-- What was not told is told later
select atelier.resume_lane('unsplash');
create function pg_temp.told(p_class text default null) returns void language sql as $$
    select atelier_internal.settle(4711, jsonb_agg(jsonb_build_object('lease', o.body -> 'lease', 'sent', true, 'duration_ms', 1)
               || case when p_class is null then '{"outcome": "completed", "result": {}}'
                       else jsonb_build_object('outcome', 'failed', 'error', jsonb_build_object('class', p_class, 'message', 'no')) end))
      from pg_temp.orders o join atelier_internal.jobs j on j.attempt_id = o.attempt where j.pipeline = 'tell_of_use'
$$;
create function pg_temp.untold(p_image uuid) returns bigint language sql as $$
    select count(*) from atelier.inspiration_images i join atelier_internal.photo_uses u on u.inspiration_id = i.id where i.image_id = p_image and u.told_at is null
$$;
select pg_temp.told();
select is(pg_temp.untold(:'image'), 0::bigint, 'what was told is known');
select atelier.create_collection(:'north', 'Summer') as summer, atelier.create_collection(:'north', 'Rain') as rain \gset
select atelier.add_inspiration(:'summer', :'image') as added \gset
select is(pg_temp.lease_all(), 1::bigint, 'a photo that is added to another collection by its image is used there too');
select atelier.add_inspiration(:'summer', :'image');
select is(pg_temp.lease_all(), 0::bigint, 'which is told once');
select pg_temp.told('invalid_request');
select is(pg_temp.untold(:'image'), 1::bigint, 'unless it cannot be told');
select atelier.import_unsplash(:'summer', 'aB3-_x');
select is(pg_temp.lease_all(), 1::bigint, 'then importing it again tells of it');
select pg_temp.told();
select is(pg_temp.untold(:'image'), 0::bigint, 'and it is told');
select atelier.import_unsplash(:'summer', 'aB3-_x');
select is(pg_temp.lease_all(), 0::bigint, 'for good');
select is((select (store, status)::text from atelier.images where id = :'bad'), '(unsplash,failed)', 'of a photo whose lookup failed');
select atelier.import_unsplash(:'rain', 'second');
select pg_temp.lease_all();
select pg_temp.succeed(:'bad', '{"url": "https://images.unsplash.com/photo-2", "photo": {"id": "second", "pageUrl": "https://unsplash.com/photos/second", "photographer": "Anna", "profileUrl": "https://unsplash.com/@anna", "downloadLocation": "https://api.unsplash.com/photos/second/download", "description": ""}}');
select is(pg_temp.lease_all(), 2::bigint, 'both collections that follow it now are told of, whoever imported it again');
select pg_temp.told();
select is(pg_temp.untold(:'bad'), 0::bigint, 'and known to be');
select matches(pg_temp.refusal_for('unsplash_user', :'member', format('select atelier.add_inspiration(%L, %L)', :'rain', :'image')), '^42501 \| permission denied for provider "unsplash"', 'whoever uses a photo needs USAGE');

-- While the collection is at work
update atelier.collections set status = 'analyzing' where id = :'winter';
select matches(pg_temp.error_of(format('select atelier.import_unsplash(%L, %L)', :'winter', 'third')), '^55000 \| collection cannot be given an inspiration while it is analyzing', 'nothing is imported while the collection is analyzing');
select is_empty($$select from atelier.images where s3_key like '%/third'$$, 'and nothing left of it');

-- What is removed
delete from atelier.images where id in (:'image', :'bad');
select is_empty('select from atelier.deletion_queue', 'S2-20: there is no object to delete');
select atelier.import_unsplash(:'rain', 'third');
select image_id as third from atelier.inspiration_images where collection_id = :'rain' and source = 'unsplash' \gset
drop server unsplash cascade;
delete from atelier.images where id = :'third';
select is_empty('select from atelier.deletion_queue', 'S2-20: nor of a photo that nobody looked up yet, when its server is gone');

-- An object in a store is one, whatever address stands beside it
insert into atelier.images (client_id, store, s3_bucket, s3_key, url, status, width, height, file_size, mime_type, sha256, metadata)
values (:'north', 'media', 'b', 'a.png', 'https://cdn.example/a.png', 'ready', 1, 1, 1, 'image/png', repeat('ab', 32), '{"source": "unsplash"}') returning id as stored \gset
select is(atelier_internal.picture_input('scene', i), jsonb_build_object('role', 'scene', 'store', 'media', 'bucket', 'b', 'key', 'a.png', 'sha256', repeat('ab', 32)),
          'an object in a bucket is read from there, by its hash') from atelier.images i where i.id = :'stored';
delete from atelier.images where id = :'stored';
select is((select array_agg(key) from atelier_internal.object_deletions), '{a.png}', 'and deleted there');

select * from finish();
rollback;
