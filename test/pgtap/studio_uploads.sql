-- Uploads: what may come, the address for it, and what is made of what came.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

-- Names of files
select is(atelier.sanitize_filename(given.name), given.wanted, 'S3-54: ' || left(to_json(given.name)::text, 60)) from (values
    ('chair.jpg', 'chair.jpg'), ('My Chair (1).JPG', 'My-Chair-1.jpg'), ('../../etc/passwd', 'passwd'), ('/etc/shadow.png', 'shadow.png'),
    ('C:\Windows\system32\cmd.exe', 'cmd.exe'), ('..', 'file'), ('.', 'file'), ('', 'file'), ('/', 'file'), ('a/', 'file'), ('.jpg', 'file.jpg'), ('...jpg', 'file.jpg'),
    ('evil.php.jpg', 'evil-php.jpg'), ('a.tar.gz', 'a-tar.gz'), (e'a\x01b\n.png', 'a-b.png'), (e'a\u202Egnp.jpg', 'a-gnp.jpg'), ('Küche Ä.jpeg', 'Kuche-A.jpeg'),
    (e'e\u0301.png', 'e.png'), ('日本語.webp', 'file.webp'), ('a' || repeat('b', 300) || '.png', 'a' || repeat('b', 99) || '.png'), ('CON.jpg', 'CON-file.jpg'), ('lpt1', 'lpt1-file'),
    ('a.b c', 'a-b-c'), ('a%2e%2e%2fb.jpg', 'a-2e-2e-2fb.jpg'), ('a;rm -rf.jpg', 'a-rm--rf.jpg'), ('"><script>.jpg', 'script.jpg'), ('file.', 'file'), ('  .png', 'file.png'), ('a?b=c.png', 'a-b-c.png'),
    (repeat('../', 2000) || 'x.png', 'x.png'), ('-rf.jpg', 'rf.jpg'), ('x.jpg/', 'file'), ('.htaccess', 'file.htaccess'), ('x.abcdefghijkl', 'x-abcdefghijkl')) as given (name, wanted);
select is(atelier.sanitize_filename(null), null, 'S3-54: nothing');
select ok(char_length(atelier.sanitize_filename(repeat('x', 1000000) || '.jpeg')) <= 111, 'S3-54: a name of a million letters');

-- Stores
select atelier.create_client('North', 'uploads-north') as north, atelier.create_client('South', 'uploads-south', '{"allowedFileTypes": ["image/png", "image/gif"]}') as south,
       atelier.create_client('East', 'uploads-east', '{"allowedFileTypes": []}') as east, atelier.create_client('West', 'uploads-west', '{"allowedFileTypes": null}') as west \gset
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1)', :'north', 'a.jpg', 'image/jpeg')), '^22023 \| no store is named for the upload \| There is no store of atelier_s3 that you may use\. \| A DBA makes one', 'S3-15: no store at all');
create server media foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos');
create server bare foreign data wrapper atelier_s3 options (endpoint 'http://localhost:1', bucket 'photos', if_none_match 'false');
create user mapping for atelier_owner server media options (access_key_id 'id', secret_access_key 'secret');
create server painter foreign data wrapper atelier_gemini options (image_model 'm');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1)', :'north', 'a.jpg', 'image/jpeg')), '^22023 \| no store is named for the upload \| pg_atelier.default_store is none of those that you may use\. \| Give one of: bare, media\.', 'S3-15: more than one');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1, store => %L)', :'north', 'a.jpg', 'image/jpeg', bad.store)), bad.expected, 'S3-15: store ' || bad.store)
  from (values ('file', '^22023 \| store "file" takes no uploads'), ('nobody', '^42704 \| store "nobody" does not exist \| You may use: file, bare, media\.'), ('painter', '^42704 \| store "painter" does not exist'), ('offline', '^42704')) as bad (store, expected);
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1, store => %L)', :'north', 'a.jpg', 'image/jpeg', 'bare')), '^HV\d\d\d \|', 'S3-15: a store without credentials');
set local pg_atelier.default_store = 'media';

-- What is refused
select matches(pg_temp.error_of(format('select atelier.request_upload(%s)', replace(bad.arguments, '@', quote_literal(:'north')))), bad.expected, 'S3-52 to S3-55: request_upload refuses ' || left(bad.arguments, 60))
  from (values
    ($$null, 'a.jpg', 'image/jpeg', 1$$, '^22004 \| client_id'), ($$gen_random_uuid(), 'a.jpg', 'image/jpeg', 1$$, '^23503 \| client not found'), ($$@, null, 'image/jpeg', 1$$, '^22004 \| filename'),
    ($$@, 'a.jpg', null, 1$$, '^22004 \| content_type'), ($$@, 'a.jpg', 'image/jpeg', null$$, '^22004 \| size'), ($$@, 'a.jpg', 'image/jpeg', 1, expires => null$$, '^22004 \| expires'),
    ($$@, 'a.jpg', 'image/jpeg', 0$$, '^22023 \| the file must have from 1 to 10485760 bytes \| It has 0'), ($$@, 'a.jpg', 'image/jpeg', -1$$, '^22023'), ($$@, 'a.jpg', 'image/jpeg', 10485761$$, '^22023 \| .* \| It has 10485761\. \| .*pg_atelier.max_image_bytes'),
    ($$@, 'a.jpg', 'image/jpeg', 9223372036854775807$$, '^22023'),
    ($$@, 'a.svg', 'image/svg+xml', 1$$, '^22023 \| files of type "image/svg\+xml" are not taken \| It is none of .* \| Allowed are: image/avif, image/heic, image/jpeg, image/png, image/webp'), ($$@, 'a.gif', 'image/gif', 1$$, '^22023 \| files of type "image/gif"'),
    ($$@, 'a.exe', 'application/x-msdownload', 1$$, '^22023'), ($$@, 'a.jpg', 'image/jpeg; charset=x', 1$$, '^22023'), ($$@, 'a.jpg', E'image/jpeg\nx: y', 1$$, '^22023'), ($$@, 'a.jpg', '', 1$$, '^22023'), ($$@, 'a.jpg', 'image/*', 1$$, '^22023'),
    ($$@, 'a.png', 'image/jpeg', 1$$, '^22023 \| the name of the file does not fit its type \| The name is "a\.png", the type image/jpeg\. \| It must end in \.jpg or \.jpeg'), ($$@, 'a', 'image/jpeg', 1$$, '^22023 \| the name'), ($$@, 'jpg', 'image/jpeg', 1$$, '^22023 \| the name'),
    ($$@, 'a.jpg.exe', 'image/jpeg', 1$$, '^22023 \| the name'), ($$@, 'a.jpg/', 'image/jpeg', 1$$, '^22023 \| the name'), ($$@, 'a.jpg', 'image/jpeg', 1, 'ab'$$, '^22023 \| sha256 is not valid'), ($$@, 'a.jpg', 'image/jpeg', 1, repeat('g', 64)$$, '^22023 \| sha256'),
    ($$@, 'a.jpg', 'image/jpeg', 1, expires => '0'$$, '^22023 \| expires must be from 1 second to 1 day'), ($$@, 'a.jpg', 'image/jpeg', 1, expires => '-1 hour'$$, '^22023'), ($$@, 'a.jpg', 'image/jpeg', 1, expires => '25 hours'$$, '^22023'),
    ($$@, 'a.jpg', 'image/jpeg', 1, metadata => '[]'$$, '^22023 \| image metadata')
  ) as bad (arguments, expected);
select is((select count(*) from atelier.images) + (select count(*) from atelier.uploads), 0::bigint, 'S3-15: what is refused leaves nothing');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1)', :'south', 'a.jpg', 'image/jpeg')), '^22023 \| files of type "image/jpeg" are not taken \| The allowedFileTypes of client .* \| Allowed are: image/png\.', 'X-31: the client narrows the types');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1)', :'south', 'a.gif', 'image/gif')), '^22023', 'X-31: and cannot widen them');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1)', :'east', 'a.png', 'image/png')), '^22023 \| .* \| The client takes no files at all', 'X-31: down to none');
select lives_ok(format('select atelier.request_upload(%L, %L, %L, 1)', :'west', 'a.png', 'image/png'), 'X-31: null narrows nothing');
select lives_ok(format('select atelier.request_upload(%L, %L, %L, 1)', :'south', 'a.PNG', ' IMAGE/png'), 'X-31: case does not matter');
set local pg_atelier.max_image_bytes = '1MB';
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1048577)', :'north', 'a.jpg', 'image/jpeg')), '^22023 \| the file must have from 1 to 1048576 bytes', 'S3-53: the limit is a setting');

-- What is returned
select * from atelier.request_upload(:'north', '../Küche.JPEG', 'image/jpeg', 1234, upper(repeat('ab', 32)), metadata => '{"altText": "A kitchen", "source": "unsplash"}') \gset u_
select row_eq(format('select client_id, store, s3_bucket, s3_key collate "default", status, job_id, metadata from atelier.images where id = %L', :'u_image_id'),
    row(:'north'::uuid, 'media'::text, 'photos'::text, format('clients/%s/uploads/%s.jpg', :'north', :'u_image_id'), 'pending'::text, null::uuid, '{"altText": "A kitchen", "source": "upload", "originalFilename": "../Küche.JPEG"}'::jsonb), 'S3-15: the image waits for its bytes');
select row_eq(format('select client_id, filename, content_type, size, sha256, confirmed_at, rejected_at from atelier.uploads where image_id = %L', :'u_image_id'),
    row(:'north'::uuid, 'Kuche.jpeg'::text, 'image/jpeg'::text, 1234::bigint, repeat('ab', 32), null::timestamptz, null::timestamptz), 'S3-54: what was announced');
select is(:'u_method'::text || ' ' || :'u_headers', 'PUT {"content-type": "image/jpeg", "if-none-match": "*", "content-length": "1234"}', 'S3-15: method and headers');
select matches(:'u_url'::text, '^http://localhost:1/photos/clients/.*\.jpg\?.*X-Amz-Expires=900&.*X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match', 'S3-53: type and length are signed, for 15 minutes');
select cmp_ok(abs(extract(epoch from :'u_expires_at'::timestamptz - clock_timestamp() - interval '15 minutes')), '<', 10::numeric, 'S3-15: until when');
create user mapping for atelier_owner server bare options (access_key_id 'id', secret_access_key 'secret');
select is(headers, '{"content-type": "image/png", "content-length": "1"}', 'a store that does not know If-None-Match') from atelier.request_upload(:'north', 'a.png', 'image/png', 1, store => 'bare', expires => '1 minute');
select is(count(*), 0::bigint, 'S3-15: nothing is inspected yet') from atelier_internal.jobs;
select matches(pg_temp.error_of(format('select atelier.register_image(%L, %L, %L)', :'north', s3_key, 'media')), '^22023 \| keys below', 'S3-55: registering it does not get round the rules') from atelier.images where id = :'u_image_id';
select atelier.create_product(:'north', 'Chair', 'C', 'seating') as chair \gset
select matches(pg_temp.error_of(format('select atelier.add_product_image(%L, %L)', :'chair', :'u_image_id')), '^55000 \| image was never inspected \| .* \| Call atelier.confirm_upload\(\) when its bytes are there', 'S3-15: it shows nothing before');

-- Confirming
select matches(pg_temp.error_of('select atelier.confirm_upload(null)'), '^22004 \| image_id', 'S3-15: confirm_upload refuses null');
select matches(pg_temp.error_of('select atelier.confirm_upload(gen_random_uuid())'), '^P0002 \| image not found', 'S3-15: an unknown image');
select atelier.register_image(:'north', 'photos/a.jpg') as registered \gset
select matches(pg_temp.error_of(format('select atelier.confirm_upload(%L)', :'registered')), '^55000 \| image was not uploaded', 'S3-15: one that came otherwise');
select atelier_internal.cancel_jobs(array(select id from atelier_internal.jobs), 'test');
select is(atelier.confirm_upload(:'u_image_id'), 'pending', 'S3-15: confirmed');
select is(atelier.confirm_upload(:'u_image_id'), 'pending', 'S3-15: twice');
select is((select array_agg(j.pipeline || ' ' || j.provider) from atelier_internal.jobs j where j.subject_id = :'u_image_id'), array['inspect_image media'], 'S3-55: it is inspected, once');
select pg_temp.lease_all();
select is(pg_temp.order_of(:'u_image_id') -> 'request', jsonb_build_object('object', jsonb_build_object('store', 'media', 'bucket', 'photos', 'key', format('clients/%s/uploads/%s.jpg', :'north', :'u_image_id')),
    'limits', '{"max_bytes": 1048576, "max_pixels": 50000000}'::jsonb, 'expect', jsonb_build_object('mime', 'image/jpeg', 'size', 1234, 'sha256', repeat('ab', 32))), 'S3-53, S3-55: the order says what is expected');
select pg_temp.succeed(:'u_image_id', '{"mime": "image/jpeg"}');
select is(atelier.confirm_upload(:'u_image_id')::text || (select status from atelier.images where id = :'u_image_id'), 'readyready', 'S3-15: ready, and confirming again changes nothing');
select is((select count(*) from atelier_internal.jobs), 0::bigint, 'S3-15: nor inspects it again');
select isnt(confirmed_at, null, 'S3-15: when') from atelier.uploads where image_id = :'u_image_id';
select lives_ok(format('select atelier.add_product_image(%L, %L)', :'chair', :'u_image_id'), 'S3-15: now it shows a product');

-- What is not what was announced
select image_id as wrong from atelier.request_upload(:'north', 'a.png', 'image/png', 10) \gset
select atelier.confirm_upload(:'wrong');
select pg_temp.lease_all(), pg_temp.fail(:'wrong', 'invalid_request', 'the object is image/gif, not image/png');
select row_eq(format('select status, error_message from atelier.images where id = %L', :'wrong'), row('failed'::text, 'the object is image/gif, not image/png'::text), 'S3-55: another type: failed');
select is((select array_agg(d.store || '/' || d.bucket || ' ' || d.reason || ' ' || (d.run_after = u.expires_at + interval '1 minute')) from atelier.uploads u, atelier.deletion_queue d where u.image_id = :'wrong' and d.key like '%' || :'wrong' || '.png'), array['media/photos the upload was refused true'], 'S3-55: and its object is deleted when its address has expired');
select is(atelier.confirm_upload(:'wrong'), 'failed', 'S3-55: which confirming does not change');
update atelier_internal.object_deletions set run_after = now();
select atelier_internal.promote(10), pg_temp.lease_all();
select is((select o.body #>> '{request,objects,0,key}' from pg_temp.orders o order by o.attempt desc limit 1), format('clients/%s/uploads/%s.png', :'north', :'wrong'), 'S3-55: it is deleted, while the row stays to say why');
select image_id as unlucky from atelier.request_upload(:'north', 'a.png', 'image/png', 10) \gset
select atelier.confirm_upload(:'unlucky');
select pg_temp.lease_all(), pg_temp.fail(:'unlucky', 'auth', 'AccessDenied');
select is((select count(*) from atelier.deletion_queue where key like '%' || :'unlucky' || '.png'), 0::bigint, 'S3-55: a store that could not be asked: nothing is deleted');
select is(atelier.confirm_upload(:'unlucky'), 'pending', 'S3-55: and it can be confirmed again');

-- Who may
create role uploads_user;
grant atelier_app to uploads_user;
select pg_temp.member_of(:'north') as member \gset
set local role uploads_user;
select atelier.set_context(:'member');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1, store => %L)', :'north', 'a.png', 'image/png', 'media')), '^42501 \| permission denied for store "media" \| GRANT USAGE ON FOREIGN SERVER media TO uploads_user;', 'USAGE on the server is needed to request');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1)', :'north', 'a.png', 'image/png')), '^22023 \| no store is named for the upload', 'also without a name');
select matches(pg_temp.error_of(format('select atelier.request_upload(%L, %L, %L, 1, store => %L)', :'north', 'a.png', 'image/png', 'nobody')), '^42704 \| store "nobody" does not exist \| You may use: file\. A DBA', 'others are not named');
select throws_ok($$insert into atelier.uploads (image_id, client_id, filename, content_type, size, expires_at) values (gen_random_uuid(), gen_random_uuid(), 'a', 'a', 1, now())$$, '42501', null, 'the table is written by functions alone');
reset role;
grant usage on foreign server media to uploads_user;
set local role uploads_user;
select image_id as own from atelier.request_upload(:'north', 'a.png', 'image/png', 1) \gset
select is(atelier.confirm_upload(:'own'), 'pending', 'with it both work');
select is((select count(*) from atelier.uploads where image_id = :'own'), 1::bigint, 'and the upload can be seen');
reset role;
revoke usage on foreign server media from uploads_user;
select atelier.resume_lane('media');
select pg_temp.lease_all();
select is((select error_message from atelier.images where id = :'own'), 'role "uploads_user", which created the job, has no USAGE on foreign server "media" any more', 'USAGE is looked at again at the lease');
select is(rejected_at, null, 'which says nothing of the file') from atelier.uploads where image_id = :'own';
grant usage on foreign server media to uploads_user;
select is(atelier.confirm_upload(:'own'), 'pending', 'it can be confirmed again');

select * from finish();
rollback;
