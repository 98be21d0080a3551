-- Rules of the rows themselves, whoever writes them: tenant keys, transitions, immutability, and that any legal row can be restored.
begin;
\ir include/studio.psql
select no_plan();


-- Two tenants, a and b.
insert into atelier.clients (id, name, slug) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'A', 'rules-a'), ('bbbbbbbb-0000-4000-8000-000000000001', 'B', 'rules-b');
insert into atelier.products (id, client_id, name, sku, category) values
    ('aaaaaaaa-0000-4000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-000000000001', 'Chair', 'C', 'seating'),
    ('aaaaaaaa-0000-4000-8000-000000000012', 'aaaaaaaa-0000-4000-8000-000000000001', 'Stool', 'S', 'seating'),
    ('bbbbbbbb-0000-4000-8000-000000000002', 'bbbbbbbb-0000-4000-8000-000000000001', 'Chair', 'C', 'seating');
insert into atelier.images (id, client_id, s3_key, status, width, height, file_size, mime_type, sha256) values
    ('aaaaaaaa-0000-4000-8000-000000000003', 'aaaaaaaa-0000-4000-8000-000000000001', 'rules/a.jpg', 'ready', 1, 1, 1, 'image/jpeg', repeat('0', 64)),
    ('bbbbbbbb-0000-4000-8000-000000000003', 'bbbbbbbb-0000-4000-8000-000000000001', 'rules/b.jpg', 'ready', 1, 1, 1, 'image/jpeg', repeat('0', 64));
insert into atelier.collections (id, client_id, name) values
    ('aaaaaaaa-0000-4000-8000-000000000004', 'aaaaaaaa-0000-4000-8000-000000000001', 'Spring'),
    ('bbbbbbbb-0000-4000-8000-000000000004', 'bbbbbbbb-0000-4000-8000-000000000001', 'Spring');

-- An asset of tenant a in any status, as a restored dump would bring it.
create function pg_temp.asset(p_status text) returns uuid language sql as $$
    insert into atelier.generated_assets
        (client_id, collection_id, product_id, image_id, status, progress, settings, error_message, job_id, created_at, updated_at, completed_at)
    values ('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000004', 'aaaaaaaa-0000-4000-8000-000000000002',
            case when p_status = 'completed' then 'aaaaaaaa-0000-4000-8000-000000000003'::uuid end,
            p_status, case p_status when 'completed' then 100 when 'generating' then 40 else 0 end, pg_temp.whole(),
            case when p_status = 'error' then 'it broke' end, case when p_status <> 'draft' then gen_random_uuid() end,
            '2020-01-01', '2020-01-02', case when p_status = 'completed' then timestamptz '2020-01-03' end)
    returning id
$$;

-- Tenant keys
select throws_ok($$ insert into atelier.generated_assets (client_id, product_id, settings) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002', '{}') $$, '23503', null, 'S0-30: an asset cannot show another tenant''s product');
select throws_ok($$ insert into atelier.generated_assets (client_id, product_id, collection_id, settings) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', 'bbbbbbbb-0000-4000-8000-000000000004', '{}') $$, '23503', null, 'S0-30: an asset cannot be in another tenant''s collection');
select throws_ok($$ insert into atelier.generated_assets (client_id, product_id, image_id, settings) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', 'bbbbbbbb-0000-4000-8000-000000000003', '{}') $$, '23503', null, 'S0-30: an asset cannot have another tenant''s image');
select throws_ok(format($$ insert into atelier.generated_assets (client_id, product_id, regenerated_from, settings)
    values ('bbbbbbbb-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002', %L, '{}') $$, pg_temp.asset('draft')), '23503', null, 'S0-30: an asset cannot be made from another tenant''s');
select throws_ok($$ insert into atelier.product_images (client_id, product_id, image_id) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', 'bbbbbbbb-0000-4000-8000-000000000003') $$, '23503', null, 'S0-30: a product cannot have another tenant''s image');
select throws_ok(format($$ update atelier.generated_assets set product_id = 'bbbbbbbb-0000-4000-8000-000000000002' where id = %L $$, pg_temp.asset('draft')), '23503', null, 'S0-30: nor can an UPDATE cross tenants');
insert into atelier.product_images (client_id, product_id, image_id, is_primary) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-000000000003', true);
select throws_ok($$ update atelier.images set client_id = 'bbbbbbbb-0000-4000-8000-000000000001' where id = 'aaaaaaaa-0000-4000-8000-000000000003' $$, '23503', null, 'S0-30: an image that is used cannot change its tenant');
select throws_ok($$ insert into atelier.images (client_id, s3_key) values ('bbbbbbbb-0000-4000-8000-000000000001', 'rules/a.jpg') $$, '23505', null, 'S0-38: one object, one image');

-- Transitions: all 25 pairs
create table pg_temp.legal as
    select * from (values ('draft', 'pending'), ('pending', 'generating'), ('pending', 'error'), ('generating', 'completed'),
                          ('generating', 'error'), ('error', 'pending')) as t (old, new);
select is(
        left(pg_temp.error_of(format(
            $$ update atelier.generated_assets set status = %L, error_message = 'because', progress = %s, image_id = 'aaaaaaaa-0000-4000-8000-000000000003'
                where id = %L $$, b.status, case when b.status = 'completed' then 100 when b.status = 'pending' then 0 else 40 end, pg_temp.asset(a.status))), 8),
        case when exists (select from pg_temp.legal l where l.old = a.status and l.new = b.status) then 'no error' else '23514 | ' end,
        format('S0-12: %s to %s is %s', a.status, b.status,
            case when exists (select from pg_temp.legal l where l.old = a.status and l.new = b.status) then 'allowed' else 'refused' end))
  from unnest(array['draft', 'pending', 'generating', 'completed', 'error']) as a (status)
 cross join unnest(array['draft', 'pending', 'generating', 'completed', 'error']) as b (status)
 where a.status <> b.status;
select matches(pg_temp.error_of(format($$ update atelier.generated_assets set status = 'generating' where id = %L $$, pg_temp.asset('draft'))),
    '^23514 \| generated asset cannot change from draft to generating \| The row has the id .* \| From draft it may change to: pending. \| status',
    'S0-12: the refusal names both states and the allowed ones');
select matches(pg_temp.error_of(format($$ update atelier.generated_assets set status = 'ready' where id = %L $$, pg_temp.asset('pending'))),
    '^23514 \| generated asset cannot change from pending to ready', 'S0-12, S0-55: an unknown status is refused');
select is(pg_temp.error_of($$ update atelier.images set status = 'failed', error_class = 'timeout', error_message = 'x' where id = 'aaaaaaaa-0000-4000-8000-000000000003' $$),
    '23514 | image cannot change from ready to failed | The row has the id aaaaaaaa-0000-4000-8000-000000000003. | From ready it may change to: deleting. | status',
    'S0-38: a ready image stays ready');
select lives_ok(format($$ update atelier.generated_assets set error_message = error_message where id = %L $$, pg_temp.asset('error')), 'S0-12: an UPDATE without a change is no transition');

-- What the status change fills in
select pg_temp.asset('generating') as generating \gset
update atelier.generated_assets set status = 'completed', progress = 100, image_id = 'aaaaaaaa-0000-4000-8000-000000000003' where id = :'generating';
select is(completed_at, now(), 'S0-59: completing sets completed_at') from atelier.generated_assets where id = :'generating';
select is(updated_at, now(), 'S0-59: every UPDATE sets updated_at') from atelier.generated_assets where id = :'generating';
select pg_temp.asset('error') as failed \gset
update atelier.generated_assets set status = 'pending' where id = :'failed';
select ok(error_message is null and progress = 0, 'S0-58: leaving error clears the message and begins progress anew') from atelier.generated_assets where id = :'failed';
select pg_temp.asset('generating') as generating \gset
select is(left(pg_temp.error_of(format('update atelier.generated_assets set progress = 39 where id = %L', :'generating')), 42),
    '23514 | progress cannot fall from 40 to 39', 'S0-56: progress never falls while generating');
select lives_ok(format('update atelier.generated_assets set progress = 41 where id = %L', :'generating'), 'S0-56: progress may rise');
select throws_ok(format('update atelier.generated_assets set progress = 100 where id = %L', :'generating'), '23514', null, 'S0-56: progress is 100 only when completed');
select throws_ok(format('update atelier.generated_assets set progress = 101 where id = %L', :'generating'), '23514', null, 'S0-56: progress ends at 100');
select throws_ok(format($$ update atelier.generated_assets set progress = -1 where id = %L $$, pg_temp.asset('draft')), '23514', null, 'S0-56: progress begins at 0');
select throws_ok(format($$ update atelier.generated_assets set status = 'completed', progress = 100 where id = %L $$, :'generating'),
    '23514', null, 'S0-57: completed needs an image');
select throws_ok(format($$ update atelier.generated_assets set status = 'completed', image_id = 'aaaaaaaa-0000-4000-8000-000000000003' where id = %L $$, :'generating'),
    '23514', null, 'S0-56: completed needs progress 100');
select throws_ok(format($$ update atelier.generated_assets set status = 'error' where id = %L $$, :'generating'), '23514', null, 'S0-58: error needs a message');
select throws_ok(format('update atelier.generated_assets set completed_at = now() where id = %L', :'generating'),
    '23514', 'completed_at cannot be set by hand', 'S0-59: completed_at is set by the status change only');
select throws_ok(format($$ update atelier.generated_assets set type = 'song' where id = %L $$, pg_temp.asset('draft')), '23514', null, 'S0-54: unknown types are refused');

-- Frozen when submitted, immutable when completed
select is(left(pg_temp.error_of(format('update atelier.generated_assets set %s where id = %L', change.assignment, pg_temp.asset('pending'))), 8),
        '23514 | ', 'S0-08: a submitted asset keeps its ' || change.name)
  from (values ('settings', $$settings = settings || '{"style": "rustic"}'$$), ('product', $$product_id = 'aaaaaaaa-0000-4000-8000-000000000012'$$),
               ('type', $$type = 'video'$$), ('provider', $$provider = 'other'$$), ('creation time', 'created_at = now()'),
               ('id', 'id = gen_random_uuid()'), ('client', $$client_id = 'bbbbbbbb-0000-4000-8000-000000000001'$$)) as change (name, assignment);
select lives_ok(format($$ update atelier.generated_assets set settings = '{"style": "rustic"}', type = 'video' where id = %L $$, pg_temp.asset('draft')), 'S0-08: a draft may still change');
select pg_temp.asset('completed') as completed \gset
select is(left(pg_temp.error_of(format('update atelier.generated_assets set %s where id = %L', change.assignment, :'completed')), 8),
        '23514 | ', 'S0-14, X-16: a completed asset keeps its ' || change.name)
  from (values ('settings', $$settings = settings || '{"style": "rustic"}'$$), ('image', $$image_id = gen_random_uuid()$$), ('type', $$type = 'video'$$),
               ('product', $$product_id = 'aaaaaaaa-0000-4000-8000-000000000012'$$), ('client', $$client_id = 'bbbbbbbb-0000-4000-8000-000000000001'$$),
               ('status', $$status = 'pending'$$), ('completion time', 'completed_at = null'), ('progress', 'progress = 50'),
               ('job', 'job_id = gen_random_uuid()'), ('provider', $$provider = 'other'$$), ('error message', $$error_message = 'x'$$)) as change (name, assignment);
select matches(pg_temp.error_of(format('update atelier.generated_assets set settings = %L where id = %L', '{}', :'completed')),
    '^23514 \| settings of a completed asset cannot be changed \| .*regenerate_asset.* \| settings$', 'S0-14: the refusal names the column and the way out');
select lives_ok(format('update atelier.generated_assets set pinned = true, deleted_at = now() where id = %L', :'completed'), 'X-16: pinning and deleting stay possible');
select lives_ok(format('update atelier.generated_assets set pinned = false, deleted_at = null, job_id = null where id = %L', :'completed'), 'X-13, X-16: so do unpinning, restoring and forgetting the job');
insert into atelier.collections (id, client_id, name) values ('aaaaaaaa-0000-4000-8000-000000000014', 'aaaaaaaa-0000-4000-8000-000000000001', 'Autumn');
select throws_ok(format($$ update atelier.generated_assets set collection_id = 'aaaaaaaa-0000-4000-8000-000000000014' where id = %L $$, :'completed'), '23514', null, 'X-16: a completed asset does not change its collection');
select lives_ok(format('update atelier.generated_assets set collection_id = null where id = %L', :'completed'), 'X-16: it may leave its collection');

-- Deletions that reach assets
select pg_temp.asset('completed') as completed, pg_temp.asset('generating') as generating \gset
select lives_ok($$ delete from atelier.collections where id = 'aaaaaaaa-0000-4000-8000-000000000004' $$, 'S0-51: a collection with completed and running assets can be deleted');
select is(count(*), 2::bigint, 'S0-51: its assets stand alone then') from atelier.generated_assets where id in (:'completed', :'generating') and collection_id is null;
select throws_ok($$ delete from atelier.images where id = 'aaaaaaaa-0000-4000-8000-000000000003' $$, '23514', null, 'X-08: the image of a completed asset goes only with the asset');
insert into atelier.generated_assets (id, client_id, product_id, settings, regenerated_from) values
    ('aaaaaaaa-0000-4000-8000-000000000005', 'aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', '{}', :'completed');
delete from atelier.generated_assets where id = :'completed';
select is(regenerated_from, null, 'S0-15: an asset outlives the one it was made from') from atelier.generated_assets where id = 'aaaaaaaa-0000-4000-8000-000000000005';
select lives_ok($$ delete from atelier.products where id = 'aaaaaaaa-0000-4000-8000-000000000002' $$, 'S0-52: a product can be deleted');
select is(count(*), 0::bigint, 'S0-52: its assets go with it') from atelier.generated_assets where product_id = 'aaaaaaaa-0000-4000-8000-000000000002';

-- Restore: any legal row, in any status, as it was
insert into atelier.products (id, client_id, name, sku, category, created_at, updated_at) values
    ('aaaaaaaa-0000-4000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-000000000001', 'Chair', 'C', 'seating', '2020-01-01', '2020-01-02');
insert into atelier.collections (id, client_id, name) values ('aaaaaaaa-0000-4000-8000-000000000004', 'aaaaaaaa-0000-4000-8000-000000000001', 'Spring');
select lives_ok(format('select pg_temp.asset(%L)', status), 'rule 8: an asset can be inserted as ' || status)
  from unnest(array['error', 'completed', 'generating', 'pending', 'draft']) as status;
select is(count(*), 0::bigint, 'rule 8: an INSERT leaves times as they were') from atelier.generated_assets
 where product_id = 'aaaaaaaa-0000-4000-8000-000000000002'
   and (created_at <> '2020-01-01' or updated_at <> '2020-01-02' or completed_at is distinct from case when status = 'completed' then timestamptz '2020-01-03' end);
select is(updated_at, '2020-01-02'::timestamptz, 'rule 8: of products too') from atelier.products where id = 'aaaaaaaa-0000-4000-8000-000000000002';
select lives_ok($$ insert into atelier.generated_assets (id, client_id, product_id, settings, regenerated_from) values
    ('aaaaaaaa-0000-4000-8000-000000000021', 'aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', '{}', 'aaaaaaaa-0000-4000-8000-000000000022'),
    ('aaaaaaaa-0000-4000-8000-000000000022', 'aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002', '{}', null) $$,
    'rule 8: an asset may come before the one it was made from, in one COPY');
select lives_ok($$ insert into atelier.images (client_id, s3_key, status, error_class, error_message) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'rules/failed.jpg', 'failed', 'invalid_request', 'the file is empty'),
    ('aaaaaaaa-0000-4000-8000-000000000001', 'rules/pending.jpg', 'pending', null, null) $$, 'rule 8: images in any status');
select is(count(*), 0::bigint, 'rule 8: no INSERT makes a job') from atelier_internal.jobs where client_id = 'aaaaaaaa-0000-4000-8000-000000000001';
insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000004', 'aaaaaaaa-0000-4000-8000-000000000003', 'library');
select lives_ok($$ delete from atelier.clients where id = 'aaaaaaaa-0000-4000-8000-000000000001' $$, 'X-08: a client can be deleted with completed assets and their images');
select is((select count(*) from atelier.images where client_id = 'aaaaaaaa-0000-4000-8000-000000000001')
        + (select count(*) from atelier.generated_assets where client_id = 'aaaaaaaa-0000-4000-8000-000000000001')
        + (select count(*) from atelier.inspiration_images where client_id = 'aaaaaaaa-0000-4000-8000-000000000001')
        + (select count(*) from atelier.collections where client_id = 'aaaaaaaa-0000-4000-8000-000000000001'), 0::bigint,
        'S0-27, S0-42, S0-50: all it owned goes with it');

-- Shapes
select throws_ok(format('insert into atelier.images (client_id, s3_key) values (%L, %L)', 'bbbbbbbb-0000-4000-8000-000000000001', bad.key), '23514', null, 'S0-38: a key cannot be ' || to_json(left(bad.key, 20)))
  from (values (''), ('/etc/passwd'), ('../x'), ('a/../b'), ('a/./b'), ('a//b'), ('a/'), ('..'), (E'a\nb'), (repeat('x', 1025)), (repeat('é', 513))) as bad (key);
select lives_ok(format('insert into atelier.images (client_id, s3_key) values (%L, %L)', 'bbbbbbbb-0000-4000-8000-000000000001', good.key), 'S0-38: a key can be ' || to_json(left(good.key, 20)))
  from (values ('a..b/c...d'), ('.hidden'), ('Grüße/näh 50%.jpg'), (repeat('y', 1024))) as good (key);
select throws_ok(format($$ insert into atelier.images (client_id, s3_key, %s) values ('bbbbbbbb-0000-4000-8000-000000000001', 'k', %s) $$, bad.name, bad.value), '23514', null,
        format('S0-38, S0-39: %s cannot be %s', bad.name, bad.value))
  from (values ('width', '0'), ('height', '-1'), ('file_size', '-1'), ('mime_type', '''jpeg'''), ('sha256', '''abc'''), ('status', '''ready'''), ('status', '''failed'''),
               ('status', '''lost'''), ('error_message', '''x'''), ('metadata', '''[]'''), ('metadata', '''{"source": "camera"}'''), ('metadata', '''{"source": null}'''),
               ('metadata', '''{"altText": 1}'''), ('metadata', '''{"exif": "x"}''')) as bad (name, value);
select throws_ok(format($$ update atelier.products set metadata = %L where client_id = 'bbbbbbbb-0000-4000-8000-000000000001' $$, bad.value), '23514', null, 'S0-36: product metadata cannot be ' || bad.value)
  from (values ('[]'), ('{"dimensions": 5}'), ('{"dimensions": {"width": "5"}}'), ('{"dimensions": {"depth": -1}}'), ('{"dimensions": {"unit": 1}}'),
               ('{"materials": "oak"}'), ('{"colors": [1]}'), ('{"tags": [""]}'), ('{"customFields": []}')) as bad (value);
select lives_ok($$ update atelier.products set metadata = '{"dimensions": {"width": 1.5, "height": 2, "depth": 3, "unit": "cm"}, "materials": ["oak"], "colors": [], "tags": ["new"], "customFields": {"a": 1}, "own": [1]}' $$,
    'S0-36: product metadata as documented, unknown keys kept');
select throws_ok(format($$ update atelier.clients set settings = %L where slug = 'rules-b' $$, bad.value), '23514', null, 'S0-32: client settings cannot be ' || bad.value)
  from (values ('[]'), ('{"generationDefaults": 1}'), ('{"generationDefaults": {"varietyLevel": 11}}'), ('{"monthlyGenerationLimit": -1}'), ('{"monthlyGenerationLimit": 1.5}'),
               ('{"monthlyGenerationLimit": "5"}'), ('{"allowedFileTypes": "image/png"}'), ('{"allowedFileTypes": [1]}')) as bad (value);
select throws_ok($$ insert into atelier.members (user_id, client_id, role) values (gen_random_uuid(), 'bbbbbbbb-0000-4000-8000-000000000001', 'king') $$, '23514', null, 'S0-34: unknown roles are refused');
insert into atelier.users (id, email, name) values ('cccccccc-0000-4000-8000-000000000001', 'Ann@Example.org', 'Ann');
select throws_ok($$ insert into atelier.users (email, name) values ('ann@example.ORG', 'Other') $$, '23505', null, 'S0-33: addresses are unique without regard to case');
select throws_ok($$ insert into atelier.users (email, name) values ('ann', 'Other') $$, '23514', null, 'S0-33: an address needs its @');
insert into atelier.members (user_id, client_id) values ('cccccccc-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000001');
select throws_ok($$ insert into atelier.members (user_id, client_id) values ('cccccccc-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000001') $$, '23505', null, 'S0-34: one membership per user and client');
select throws_ok($$ insert into atelier.products (client_id, name, sku, category) values ('bbbbbbbb-0000-4000-8000-000000000001', 'Other', 'C', 'x') $$, '23505', null, 'S0-35: one product per SKU and client');
select throws_ok($$ insert into atelier.products (client_id, name, sku, category, room_types) values ('bbbbbbbb-0000-4000-8000-000000000001', 'Other', 'D', 'x', array[null]) $$, '23514', null, 'S0-35: no room type is NULL');

-- Collections and inspirations
insert into atelier.collections (client_id, name) values ('bbbbbbbb-0000-4000-8000-000000000001', 'Winter') returning id as winter \gset
select row_eq(format('select status, selected_product_ids, product_analysis, own_settings, base_settings, error_message, created_at, updated_at, completed_at from atelier.collections where id = %L', :'winter'),
    row('draft'::text, '{}'::uuid[], null::jsonb, '{}'::jsonb, null::jsonb, null::text, now(), now(), null::timestamptz), 'S0-41, S0-43, S0-45, S0-46: a new collection is an empty draft');
select throws_ok(format('insert into atelier.collections (client_id, name, %s) values (%L, %L, %s)', bad.name, 'bbbbbbbb-0000-4000-8000-000000000001', 'X', bad.value), bad.state, null,
        format('%s: %s of a collection cannot be %s', bad.row_id, bad.name, bad.value))
  from (values ('S0-43', 'status', '''selecting''', '23514'), ('S0-43', 'status', 'null', '23502'), ('S0-43', 'status', '''completed''', '23514'), ('S0-43', 'status', '''error''', '23514'),
               ('S0-41', 'completed_at', 'now()', '23514'), ('S0-41', 'error_message', '''x''', '23514'), ('S0-45', 'selected_product_ids', 'null', '23502'),
               ('S0-46', 'base_settings', '''{"style": 5}''', '23514'), ('S0-46', 'own_settings', '''[]''', '23514'),
               ('S0-46, S0-61', 'product_analysis', '''{}''', '23514'), ('S0-46', 'product_analysis', '''[]''', '23514')) as bad (row_id, name, value, state);
select throws_ok(format('insert into atelier.collections (client_id, name) values (%L, %s)', bad.client, bad.name), bad.state, null, format('%s: a collection of client %s cannot be named %s', bad.row_id, bad.client, left(bad.name, 10)))
  from (values ('S0-41', 'bbbbbbbb-0000-4000-8000-000000000001', 'null', '23502'), ('S0-41', 'bbbbbbbb-0000-4000-8000-000000000001', '''  ''', '23514'),
               ('S0-41', 'bbbbbbbb-0000-4000-8000-000000000001', quote_literal(repeat('x', 501)), '23514'), ('S0-42', 'dddddddd-0000-4000-8000-000000000001', '''X''', '23503')) as bad (row_id, client, name, state);
insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values ('bbbbbbbb-0000-4000-8000-000000000001', :'winter', 'bbbbbbbb-0000-4000-8000-000000000003', 'upload') returning id as inspiration \gset
select row_eq(format('select analysis, display_order, created_at from atelier.inspiration_images where id = %L', :'inspiration'), row(null::jsonb, 0, now()), 'S0-47: a new inspiration is not analysed yet');
select lives_ok(format('update atelier.inspiration_images set source = %L where id = %L', good.source, :'inspiration'), 'S0-48: it may come from ' || good.source)
  from (values ('upload'), ('unsplash'), ('library')) as good (source);
select throws_ok(format('update atelier.inspiration_images set %s where id = %L', bad.assignment, :'inspiration'), bad.state, null, format('%s: it cannot have %s', bad.row_id, bad.assignment))
  from (values ('S0-48', $$source = 'generated'$$, '23514'), ('S0-48', 'source = null', '23502'), ('S0-47', 'display_order = null', '23502'), ('S0-47, S0-63', $$analysis = '{}'$$, '23514'),
               ('S0-47', $$image_id = 'dddddddd-0000-4000-8000-000000000003'$$, '23503'), ('S0-47', $$collection_id = 'dddddddd-0000-4000-8000-000000000004'$$, '23503')) as bad (row_id, assignment, state);
select throws_ok(format($$ insert into atelier.inspiration_images (client_id, collection_id, image_id, source) values ('bbbbbbbb-0000-4000-8000-000000000001', %L, 'bbbbbbbb-0000-4000-8000-000000000003', 'library') $$, :'winter'),
    '23505', null, 'S0-47: no picture inspires a collection twice');
savepoint image_and_collection;
delete from atelier.images where id = 'bbbbbbbb-0000-4000-8000-000000000003';
select is(count(*), 0::bigint, 'S0-47: it goes with its image') from atelier.inspiration_images where id = :'inspiration';
rollback to image_and_collection;
delete from atelier.collections where id = :'winter';
select is(count(*), 0::bigint, 'S0-47: and with its collection') from atelier.inspiration_images where id = :'inspiration';

-- What the indexes answer, of a thousand assets, fifty collections and a hundred inspirations: too few for a plan without these settings
set local enable_seqscan = off;
set local enable_bitmapscan = off;
insert into atelier.collections (id, client_id, name, status, error_message)
select to_char(n, '"bbbbbbbb-0000-4000-8000-0001"FM00000000')::uuid, 'bbbbbbbb-0000-4000-8000-000000000001', 'No. ' || n, case when n = 1 then 'error' else 'draft' end, case when n = 1 then 'x' end
  from generate_series(1, 50) n;
insert into atelier.products (id, client_id, name, sku, category)
select to_char(n, '"bbbbbbbb-0000-4000-8000-0002"FM00000000')::uuid, 'bbbbbbbb-0000-4000-8000-000000000001', 'No. ' || n, 'N' || n, 'seating' from generate_series(1, 50) n;
insert into atelier.images (id, client_id, s3_key)
select to_char(n, '"bbbbbbbb-0000-4000-8000-0003"FM00000000')::uuid, 'bbbbbbbb-0000-4000-8000-000000000001', 'inspirations/' || n from generate_series(1, 100) n;
insert into atelier.inspiration_images (client_id, collection_id, image_id, source)
select 'bbbbbbbb-0000-4000-8000-000000000001', to_char(1 + n % 50, '"bbbbbbbb-0000-4000-8000-0001"FM00000000')::uuid, to_char(n, '"bbbbbbbb-0000-4000-8000-0003"FM00000000')::uuid, 'library'
  from generate_series(1, 100) n;
insert into atelier.clients (id, name, slug) values ('eeeeeeee-0000-4000-8000-000000000001', 'E', 'rules-e');
insert into atelier.products (id, client_id, name, sku, category) values ('eeeeeeee-0000-4000-8000-000000000002', 'eeeeeeee-0000-4000-8000-000000000001', 'Chair', 'C', 'seating');
insert into atelier.generated_assets (client_id, collection_id, product_id, type, status, settings, error_message, job_id, pinned, created_at, deleted_at)
select case when mine then 'bbbbbbbb-0000-4000-8000-000000000001' else 'eeeeeeee-0000-4000-8000-000000000001' end::uuid,
       case when mine then to_char(1 + n % 50, '"bbbbbbbb-0000-4000-8000-0001"FM00000000') end::uuid,
       case when mine then to_char(1 + n % 49, '"bbbbbbbb-0000-4000-8000-0002"FM00000000') else 'eeeeeeee-0000-4000-8000-000000000002' end::uuid,
       case when n % 100 = 0 then 'video' else 'image' end, status, pg_temp.whole(), case when status = 'error' then 'it broke' end, gen_random_uuid(), n % 41 = 0,
       now() - n * interval '1 minute', case when n % 2 = 0 then now() end
  from (select n, n % 5 = 0 as mine, (array['pending', 'draft', 'error', 'error'])[1 + (n / 5) % 4] as status from generate_series(1, 1000) n) row;
analyze atelier.collections, atelier.inspiration_images, atelier.generated_assets;
create function pg_temp.indexes_of(p_query text) returns text language plpgsql as $$
declare
    v_plan json;
begin
    execute 'explain (format json) ' || p_query into v_plan;
    return (select string_agg(node #>> '{}', ' ') from jsonb_path_query(v_plan::jsonb, '$.**."Index Name"') node);
end
$$;
select is(pg_temp.indexes_of('select * from atelier.' || asked.query), asked.name, format('%s: %s answers %s', asked.row_id, asked.name, asked.query))
  from (values
    ('S0-49', 'idx_collections_client_id', $$collections where client_id = 'aaaaaaaa-0000-4000-8000-000000000001'$$),
    ('S0-49', 'idx_collections_status', $$collections where status = 'error'$$),
    ('S0-49', 'idx_inspiration_images_collection', $$inspiration_images where collection_id = 'bbbbbbbb-0000-4000-8000-000100000007'$$),
    ('S0-60', 'idx_generated_assets_client', $$generated_assets where client_id = 'aaaaaaaa-0000-4000-8000-000000000001'$$),
    ('S0-60', 'idx_generated_assets_collection', $$generated_assets where collection_id = 'bbbbbbbb-0000-4000-8000-000100000007'$$),
    ('X-48', 'idx_generated_assets_collection_active', $$generated_assets where collection_id = 'bbbbbbbb-0000-4000-8000-000100000007' and deleted_at is null and status in ('pending', 'generating')$$),
    ('S0-60', 'idx_generated_assets_product', $$generated_assets where product_id = 'bbbbbbbb-0000-4000-8000-000200000007'$$),
    ('S0-60', 'idx_generated_assets_status', $$generated_assets where status = 'pending'$$),
    ('S0-60', 'idx_generated_assets_type', $$generated_assets where type = 'video'$$),
    ('S0-60', 'idx_generated_assets_pinned', $$generated_assets where client_id = 'bbbbbbbb-0000-4000-8000-000000000001' and pinned and deleted_at is null$$),
    ('S0-60', 'idx_generated_assets_active', $$generated_assets where client_id = 'bbbbbbbb-0000-4000-8000-000000000001' and status = 'draft' and deleted_at is null$$),
    ('S0-60', 'idx_generated_assets_active_generations', $$generated_assets where client_id = 'bbbbbbbb-0000-4000-8000-000000000001' and status in ('pending', 'generating') and deleted_at is null and created_at < now() - interval '14 hours'$$)
  ) as asked (row_id, name, query);

select * from finish();
rollback;
