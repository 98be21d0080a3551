-- Photographs: registering, inspecting, showing a product, addresses.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

select atelier.create_client('North', 'images-north') as north, atelier.create_client('South', 'images-south') as south \gset
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair, atelier.create_product(:'south', 'Chair', 'C', 'seating') as foreign_chair \gset

-- Registering
select atelier.register_image(:'north', 'photos/chair 1.jpg', metadata => '{"source": "upload", "altText": "A chair"}') as photo \gset
select row_eq(format('select client_id, store, s3_bucket, s3_key collate "default", url, status, width, sha256, metadata ->> %L from atelier.images where id = %L', 'altText', :'photo'),
    row(:'north'::uuid, 'file'::text, ''::text, 'photos/chair 1.jpg'::text, null::text, 'pending'::text, null::integer, null::text, 'A chair'::text), 'S0-38: an image is registered at once, as pending');
select is(j.pipeline || ' ' || j.state, 'inspect_image waiting', 'S0-38: and its inspection is enqueued') from atelier_internal.jobs j join atelier.images i on i.job_id = j.id where i.id = :'photo';
select is(atelier.register_image(:'north', 'photos/chair 1.jpg'), :'photo', 'S0-38: the same key is the same image while pending');
select is(count(*), 1::bigint, 'S0-38: and is not inspected twice') from atelier_internal.jobs where subject_id = :'photo';
select matches(pg_temp.error_of(format('select atelier.register_image(%s)', replace(bad.arguments, '@', quote_literal(:'north')))), bad.expected, 'S0-38: register_image refuses ' || left(bad.arguments, 60))
  from (values
    ($$null, 'a.jpg'$$, '^22004 \| client_id'), ($$gen_random_uuid(), 'a.jpg'$$, '^23503 \| client not found'), ($$@, null$$, '^22004 \| key'), ($$@, 'a.jpg', null$$, '^22004 \| store'),
    ($$@, 'a.jpg', 's3'$$, '^42704 \| store "s3" does not exist \| You may use: file\. A DBA makes a store with CREATE SERVER s3 '), ($$@, ''$$, '^22023 \| key is not valid: it is empty'),
    ($$@, '/etc/passwd'$$, '^22023 \| key is not valid: it begins with a slash'), ($$@, '../secret.jpg'$$, '^22023 \| key is not valid: a part of it is "." or ".."'),
    ($$@, e'a\\b.jpg'$$, '^22023 \| key is not valid: it holds a backslash'), ($$@, 'a/' || repeat('x', 256)$$, '^22023 \| key is not valid: a part of it is longer than 255 bytes'),
    ($$@, 'a/../b.jpg'$$, '^22023'), ($$@, 'a/..'$$, '^22023'), ($$@, 'a//b.jpg'$$, '^22023 \| key is not valid: a part of it is empty'), ($$@, 'a/'$$, '^22023'),
    ($$@, E'a\tb'$$, '^22023 \| key is not valid: it holds a control character'), ($$@, E'a\u0085b'$$, '^22023'), ($$@, repeat('x', 1025)$$, '^22023 \| key is not valid: it is longer'),
    ($$@, 'a.jpg', 'file', '[]'$$, '^22023 \| image metadata "metadata" is not valid'), ($$@, 'a.jpg', 'file', '{"source": "moon"}'$$, '^22023 \| image metadata "source" is not valid \| Its value is "moon"'),
    ($$@, 'clients/aaaaaaaa-0000-4000-8000-000000000001/a.jpg'$$, '^42501 \| the object belongs to another client'), ($$@, 'clients'$$, '^42501'),
    ($$@, 'clients/' || @ || '/generated/x.jpg'$$, '^22023 \| keys below clients/.*/generated/ are not for registration'),
    ($$@, 'clients/' || @ || '/uploads/x.jpg'$$, '^22023 \| keys below clients/.*/uploads/ are not for registration \| .* \| Uploads have rules of their own: atelier.request_upload\(\)')
  ) as bad (arguments, expected);
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L)', :'south', 'photos/chair 1.jpg')), '^42501 \| the object belongs to another client \| The key is "photos/chair 1.jpg"\. \| Put a copy',
    'S0-30: a key of another client is refused');
select lives_ok(format('select atelier.register_image(%L, %L)', :'north', 'clients/' || :'north' || '/photos/a.jpg'), 'S0-38: a client may register below its own folder');

-- Inspecting
select pg_temp.lease_all();
select is(pg_temp.order_of(:'photo') -> 'request', '{"object": {"store": "file", "key": "photos/chair 1.jpg"}, "limits": {"max_bytes": 41943040, "max_pixels": 50000000}}'::jsonb, 'S0-38: the order of an inspection');
select is(pg_temp.order_of(:'photo') ->> 'action', 'storage.head', 'S0-38: its action');
select is(atelier.image_url(:'photo'), null, 'S0-81: no address before an image is ready');
select pg_temp.succeed(:'photo');
select row_eq(format('select status, width, height, file_size, mime_type, sha256 from atelier.images where id = %L', :'photo'),
    row('ready'::text, 640, 480, 1234::bigint, 'image/png'::text, repeat('ab', 32)), 'S0-38: size, type and hash come from the real bytes');
select is(atelier.register_image(:'north', 'photos/chair 1.jpg'), :'photo', 'S0-38: the same key is the same image when ready');
select is(count(*), 0::bigint, 'S0-38: which is not inspected again') from atelier_internal.jobs where subject_id = :'photo';

select atelier.register_image(:'north', 'photos/broken.jpg') as broken \gset
select pg_temp.lease_all();
select pg_temp.fail(:'broken', 'invalid_request', 'the file is cut short');
select row_eq(format('select status, error_class, error_message, width from atelier.images where id = %L', :'broken'),
    row('failed'::text, 'invalid_request'::text, 'the file is cut short'::text, null::integer), 'S0-38: a bad object fails with class and reason');
select matches(pg_temp.error_of(format('select atelier.add_product_image(%L, %L)', :'chair', :'broken')), '^55000 \| image cannot be used: the file is cut short \| .*class invalid_request\. \| .*register_image',
    'S0-37: a failed image shows no product');
select is(atelier.register_image(:'north', 'photos/broken.jpg'), :'broken', 'S0-38: a failed image keeps its id when registered again');
select ok(i.status = 'pending' and i.error_message is null and j.state = 'waiting', 'S0-38: and is inspected again') from atelier.images i join atelier_internal.jobs j on j.id = i.job_id where i.id = :'broken';
select atelier_internal.settle_inspect_image(array[row(gen_random_uuid(), :'broken', :'north', '{}', 1, gen_random_uuid(), 'file', '',
    '{"mime": "image/png", "width": 1, "height": 1, "size": 1, "sha256": "00"}')::atelier_internal.settlement]);
select is(status, 'pending', 'E-02: an answer of the former inspection changes nothing') from atelier.images where id = :'broken';
select pg_temp.lease_all();
select pg_temp.succeed(:'broken');
select is(status, 'ready', 'S0-38: this time with success') from atelier.images where id = :'broken';

select atelier.register_image(:'north', 'photos/cancelled.jpg') as cancelled \gset
select atelier_internal.cancel_jobs(array[job_id], 'on request') from atelier.images where id = :'cancelled';
select row_eq(format('select status, error_class from atelier.images where id = %L', :'cancelled'), row('failed'::text, 'cancelled'::text), 'X-58: a cancelled inspection leaves a failed image');
select atelier.register_image(:'north', 'photos/gone.jpg') as gone \gset
select job_id as gone_job from atelier.images where id = :'gone' \gset
delete from atelier.images where id = :'gone';
select pg_temp.lease_all();
select is(state, 'cancelled', 'X-58: the inspection of an image that was removed ends as cancelled') from atelier_internal.history_failed where job_id = :'gone_job';
insert into atelier.images (client_id, s3_key) values (:'north', 'photos/orphan.jpg') returning id as orphan \gset
select matches(pg_temp.error_of(format('select atelier.add_product_image(%L, %L)', :'chair', :'orphan')), '^55000 \| image was never inspected', 'S0-38: an image without an inspection is not waited for');
select is(atelier.register_image(:'north', 'photos/orphan.jpg'), :'orphan', 'S0-38: registering it');
select isnt(job_id, null, 'S0-38: has it inspected') from atelier.images where id = :'orphan';

-- Showing a product
select matches(pg_temp.error_of(format('select atelier.add_product_image(%s)', replace(replace(bad.arguments, '@p', quote_literal(:'chair')), '@i', quote_literal(:'photo')))), bad.expected, 'S0-37: add_product_image refuses ' || bad.arguments)
  from (values ('null, @i', '^22004 \| product_id'), ('@p, null', '^22004 \| image_id'), ('gen_random_uuid(), @i', '^23503 \| product not found'), ('@p, gen_random_uuid()', '^23503 \| image not found')) as bad (arguments, expected);
select matches(pg_temp.error_of(format('select atelier.add_product_image(%L, %L)', :'foreign_chair', :'photo')), '^23503 \| image not found \| Client .* has no image', 'S0-30: nor another client''s image');
select atelier.add_product_image(:'chair', :'photo') as first_link, atelier.add_product_image(:'chair', :'broken') as second_link, atelier.add_product_image(:'chair', :'orphan') as third_link \gset
select results_eq(format('select id, is_primary, display_order from atelier.product_images where product_id = %L order by display_order', :'chair'),
    format('values (%L::uuid, true, 0), (%L::uuid, false, 1), (%L::uuid, false, 2)', :'first_link', :'second_link', :'third_link'), 'S0-37: the first image becomes the primary one, others follow in order; a pending one may be added');
select is(atelier.add_product_image(:'chair', :'broken', true), :'second_link', 'S0-37: adding again is the same link');
select results_eq(format('select is_primary, display_order from atelier.product_images where product_id = %L order by display_order', :'chair'), $$ values (false, 0), (true, 1), (false, 2) $$, 'S0-37: one primary image at a time');
select atelier.add_product_image(:'chair', :'orphan', display_order => -5);
select results_eq(format('select id from atelier.product_images where product_id = %L order by display_order', :'chair'), array[:'third_link', :'first_link', :'second_link']::uuid[], 'S0-37: the place can be given');

-- Addresses
select is(atelier.image_url(:'photo'), 'file://' || atelier_internal.percent_encode(atelier.store_path('file')) || '/photos/chair%201.jpg', 'S0-81: the address of an image in the file store');
select is(atelier.image_url(:'photo', '1 hour'), atelier.image_url(:'photo'), 'X-36: an address of the file store does not expire');
select is(atelier.image_url(null), null, 'S0-81: no image, no address');
select matches(pg_temp.error_of('select atelier.image_url(gen_random_uuid())'), '^P0002 \| image not found', 'S0-81: an unknown image');
select matches(pg_temp.error_of(format('select atelier.image_url(%L, %L)', :'photo', '-1 hour')), '^22023 \| expires must be from 1 second to 7 days', 'S0-81: a lifetime that is over');
select is(atelier_internal.percent_encode('a/Ä b%?#"~_-.x'), 'a/%C3%84%20b%25%3F%23%22~_-.x', 'S0-81: addresses are percent-encoded');
select is(atelier_internal.percent_decode(atelier_internal.percent_encode(path)), path, 'S0-81: and decode to ' || path) from unnest(array['a/Ä b%?#"~', '100%', '%41', '日本/語.jpg', 'plain']) as path;
select is(atelier_internal.percent_decode('%FF%FE'), null, 'S0-81: what is not UTF-8 decodes to nothing');

select * from finish();
rollback;
