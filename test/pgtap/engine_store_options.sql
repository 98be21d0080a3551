-- Stores on S3: what is refused of their options and by whom, where their credentials come from, and the URLs that they sign.
\set QUIET on
begin;
\ir include/studio.psql
select no_plan();

create role stores_admin login in role atelier_admin;
create role stores_owner login;
create server media foreign data wrapper atelier_s3 options (bucket 'b');
create server owned foreign data wrapper atelier_s3 options (bucket 'b');
alter server owned owner to stores_owner;
create foreign data wrapper strange;
create server strange foreign data wrapper strange options (bucket 'b', endpoint 'x');
create user mapping for public server strange options (access_key_id 'A', api_key 'k');

-- Who: the role that the command runs as.
create function pg_temp.refusal(p_role text, p_command text) returns text language sql as $$
    select pg_temp.error_of(format('set local role %I; %s; reset role', p_role, p_command))
$$;

-- Legal values, each of them
select is(pg_temp.refusal('postgres', command), 'no error', command) from (values
    ('alter server media options (add endpoint ''https://s3.example.org:9000/storage/v1'')'),
    ('alter server media options (set endpoint ''http://127.0.0.1:9000'')'),
    ('alter server media options (add region ''auto'')'),
    ('alter server media options (set region ''eu-central-1'')'),
    ('alter server media options (set bucket ''tenant:My_bucket.1'')'),
    ('alter server media options (set bucket ''' || repeat('b', 255) || ''')'),
    ('alter server media options (add path_style ''false'')'),
    ('alter server media options (set path_style ''true'')'),
    ('alter server media options (add public_base_url ''https://cdn.example.org/media'')'),
    ('alter server media options (add payload_signing ''signed'')'),
    ('alter server media options (set endpoint ''https://s3.example.org'', set payload_signing ''unsigned'')'),
    ('alter server media options (add if_none_match ''false'')'),
    ('alter server media options (add multipart_threshold ''5 GB'', add part_size ''5MB'')'),
    ('alter server media options (set multipart_threshold ''5120kB'', set part_size ''1GB'')'),
    ('alter server media options (add cache_control ''private, max-age=0'')'),
    ('alter server media options (add url_expires ''7d'')'),
    ('alter server media options (set url_expires ''1s'')'),
    ('alter server media options (add connect_timeout ''500ms'', add progress_timeout ''1h'', add timeout ''1 d'')'),
    ('create user mapping for public server media options (access_key_id ''A'', secret_access_key ''s/+='')'),
    ('alter user mapping for public server media options (add session_token ''T'')'),
    ('alter user mapping for public server media options (drop session_token, drop secret_access_key, drop access_key_id, add credentials_file ''/run/keys of mine'')'),
    ('alter user mapping for public server media options (drop credentials_file, add credentials_env ''AWS'')')
  ) as legal (command);
select is(atelier_internal.provider_option('media', name), value, 'option ' || name || ' as it was set') from (values
    ('endpoint', 'https://s3.example.org'), ('bucket', repeat('b', 255)), ('path_style', 'true'), ('payload_signing', 'unsigned'), ('part_size', '1GB'), ('url_expires', '1s')) as t (name, value);
select is(atelier_internal.provider_option('owned', name), value, 'default of ' || name) from (values
    ('endpoint', 'https://s3.us-east-1.amazonaws.com'), ('region', 'us-east-1'), ('bucket', 'b'), ('path_style', 'false'), ('public_base_url', null), ('payload_signing', 'signed'),
    ('if_none_match', 'true'), ('multipart_threshold', '64MB'), ('part_size', '16MB'), ('cache_control', 'public, max-age=31536000, immutable'), ('url_expires', '1h'),
    ('connect_timeout', '10s'), ('progress_timeout', '30s'), ('timeout', '5min'), ('access_key_id', null), ('base_url', null), ('outcome_unknown', null), ('nothing', null)) as t (name, value);
alter server owned options (set bucket 'with.dot', add region 'eu-west-1');
select is(atelier_internal.provider_option('owned', 'path_style'), 'true', 'a bucket with a dot is addressed by path');
select is(atelier_internal.provider_option('owned', 'endpoint'), 'https://s3.eu-west-1.amazonaws.com', 'the endpoint follows the region');
alter server owned options (set bucket 'My_bucket');
select is(atelier_internal.provider_option('owned', 'path_style'), 'true', 'so is one that cannot be part of a host name');
alter server owned options (set bucket 'b', add endpoint 'https://minio.example.org');
select is(atelier_internal.provider_option('owned', 'path_style'), 'true', 'and every bucket of an endpoint of one''s own');
alter server owned options (drop endpoint);
select is(atelier_internal.provider_option(store, option), null, format('%s has no option %s of ours', store, option))
  from (values ('strange', 'bucket'), ('strange', 'endpoint'), ('no such server', 'bucket'), (repeat('x', 100), 'bucket'), ('file', 'bucket')) as t (store, option);

-- Bad values: the option is named, its value never
select is(pg_temp.refusal('postgres', format('create server bad foreign data wrapper atelier_s3 options (%s%s %L)', case when name <> 'bucket' then 'bucket ''b'', ' end, name, value)),
          format('22023 | invalid value for option "%s" | %s', name, hint), format('%s %s is refused', name, to_json(left(value, 40))))
  from (select name, v, 'It is https://host[:port][/path] without user, query, fragment and trailing slash; http:// only for localhost, 127.0.0.0/8 and [::1].'
          from unnest(array['', 'example.org', 'http://example.org', 'https://example.org/', 'https://user:secret@example.org', 'https://example.org?x=1']) v,
               unnest(array['endpoint', 'public_base_url']) name
        union all
        select 'region', v, 'It is the name of a region, such as eu-central-1 or auto: 1 to 63 letters, digits and hyphens, no hyphen at an end.'
          from unnest(array['', '-x', 'x-', 'eu central', 'eu/central', 'a.b', repeat('r', 64)]) v
        union all
        select 'bucket', v, 'It is the name of a bucket: 1 to 255 letters, digits and the characters ".", "_", ":" and "-".'
          from unnest(array['', '.', '..', 'a/b', 'a b', 'a?b', 'é', e'a\nb', repeat('b', 256)]) v
        union all
        select name, v, 'It is true or false.' from unnest(array['', 'on', 'True', '1']) v, unnest(array['path_style', 'if_none_match']) name
        union all
        select 'payload_signing', v, 'It is signed or unsigned.' from unnest(array['', 'true', 'Signed']) v
        union all
        select 'multipart_threshold', v, 'It is a size from 5MB to 5GB: a whole number and one of the units kB, MB, GB, such as 64MB.'
          from unnest(array['', '16', '16mb', '4MB', '6GB', '5121MB', '5119kB', '-5MB', '05MB', '5.5MB', '1TB', '5  MB', '99999999999kB']) v
        union all
        select 'part_size', v, 'It is a size from 5MB to 1GB: a whole number and one of the units kB, MB, GB, such as 16MB.' from unnest(array['4MB', '2GB', '1025MB']) v
        union all
        select 'cache_control', v, 'It is 1 to 200 printable ASCII characters without a blank at an end, such as no-cache.'
          from unnest(array['', ' no-cache', 'no-cache ', e'no-cache\r\nX-Other: 1', 'é', repeat('c', 201)]) v
        union all
        select 'url_expires', v, 'It is a time from 1s to 7d: a whole number and one of the units s, min, h, d, such as 1h.' from unnest(array['', '0s', '500ms', '1500ms', '8d', '169h', '1 hour']) v
        union all
        select 'connect_timeout', v, 'It is a time from 1ms to 5min: a whole number and one of the units ms, s, min, such as 10s.' from unnest(array['', '0s', '6min', '10']) v
        union all
        select 'progress_timeout', v, 'It is a time from 1ms to 1h: a whole number and one of the units ms, s, min, h, such as 3min.' from unnest(array['0ms', '2h']) v
        union all
        select 'timeout', v, 'It is a time from 1ms to 1d: a whole number and one of the units ms, s, min, h, d, such as 10min.' from unnest(array['0d', '2d']) v
       ) as bad (name, value, hint);
select is(pg_temp.refusal('postgres', format('create user mapping for atelier_owner server media options (%s %L)', name, value)),
          format('22023 | invalid value for option "%s" | %s', name, hint), format('%s %s is refused', name, to_json(left(value, 40))))
  from (select 'access_key_id', v, 'It is 1 to 128 printable ASCII characters without blank, "/", "," and "=".' from unnest(array['', 'PLANTED x', 'a/b', 'a,b', 'a=b', 'é', repeat('A', 129)]) v
        union all
        select name, v, 'It is 1 to 4096 printable ASCII characters without blank.' from unnest(array['', e'PLANTED\r\nX-Other: 1', 'PLANTED x', repeat('s', 4097)]) v, unnest(array['secret_access_key', 'session_token']) name
        union all
        select 'credentials_file', v, 'It is the absolute path of a file on the server.' from unnest(array['', 'credentials', '/', e'/run/key\n']) v
        union all
        select 'credentials_env', v, 'It is what the names of environment variables begin with, such as AWS for AWS_ACCESS_KEY_ID: letters, digits and underscores.' from unnest(array['', '1X', '$AWS', 'A-B']) v
       ) as bad (name, value, hint);

-- Wrong names, wrong places, and what does not go together
\set ways 'Give access_key_id and secret_access_key, or credentials_file, or credentials_env.'
select is(pg_temp.refusal('postgres', command), expected, command) from (values
    ('create server bad foreign data wrapper atelier_s3', 'HV002 | the foreign server has no option "bucket" | Give it with OPTIONS (bucket ''...''). It is the name of a bucket: 1 to 255 letters, digits and the characters ".", "_", ":" and "-".'),
    ('create server bad foreign data wrapper atelier_s3 options (region ''auto'')', 'HV002 | the foreign server has no option "bucket" | Give it with OPTIONS (bucket ''...''). It is the name of a bucket: 1 to 255 letters, digits and the characters ".", "_", ":" and "-".'),
    ('alter server media options (drop bucket)', 'HV002 | the foreign server has no option "bucket" | Give it with OPTIONS (bucket ''...''). It is the name of a bucket: 1 to 255 letters, digits and the characters ".", "_", ":" and "-".'),
    ('create server bad foreign data wrapper atelier_s3 options (buckets ''b'')', 'HV00D | atelier_s3 has no option "buckets" of a foreign server | Perhaps you meant the option "bucket".'),
    ('create server bad foreign data wrapper atelier_s3 options (colour ''red'')',
     'HV00D | atelier_s3 has no option "colour" of a foreign server | Valid options in this context are: endpoint, region, bucket, path_style, public_base_url, payload_signing, if_none_match, multipart_threshold, part_size, cache_control, url_expires, connect_timeout, progress_timeout, timeout.'),
    ('create server bad foreign data wrapper atelier_s3 options (bucket ''b'', secret_access_key ''PLANTED'')',
     'HV00D | option "secret_access_key" belongs to a user mapping, not to a foreign server | CREATE USER MAPPING FOR atelier_owner SERVER ... OPTIONS (secret_access_key ''...'');'),
    ('create user mapping for atelier_owner server media options (bucket ''b'')', 'HV00D | option "bucket" belongs to a foreign server, not to a user mapping | ALTER SERVER ... OPTIONS (ADD bucket ''...'');'),
    ('create user mapping for atelier_owner server media options (api_key ''PLANTED'')',
     'HV00D | atelier_s3 has no option "api_key" of a user mapping | Valid options in this context are: access_key_id, secret_access_key, session_token, credentials_file, credentials_env.'),
    ('create user mapping for atelier_owner server media', 'HV002 | the user mapping has no credentials | ' || :'ways'),
    ('alter user mapping for public server media options (drop credentials_env)', 'HV002 | the user mapping has no credentials | ' || :'ways'),
    ('create user mapping for atelier_owner server media options (access_key_id ''A'')', 'HV002 | option "access_key_id" needs option "secret_access_key" | ' || :'ways'),
    ('create user mapping for atelier_owner server media options (secret_access_key ''PLANTED'')', 'HV002 | option "secret_access_key" needs option "access_key_id" | ' || :'ways'),
    ('create user mapping for atelier_owner server media options (session_token ''PLANTED'', secret_access_key ''PLANTED'')', 'HV002 | option "session_token" needs option "access_key_id" | ' || :'ways'),
    ('create user mapping for atelier_owner server media options (access_key_id ''A'', secret_access_key ''PLANTED'', credentials_file ''/x'')',
     '22023 | options "access_key_id" and "credentials_file" exclude each other | ALTER USER MAPPING ... OPTIONS (DROP access_key_id, DROP secret_access_key, ADD credentials_file ''...'');'),
    ('alter user mapping for public server media options (add access_key_id ''A'', add secret_access_key ''PLANTED'')',
     '22023 | options "credentials_env" and "access_key_id" exclude each other | ALTER USER MAPPING ... OPTIONS (DROP credentials_env, ADD access_key_id ''...'', ADD secret_access_key ''...'');'),
    ('create user mapping for atelier_owner server media options (credentials_env ''AWS'', credentials_file ''/x'')',
     '22023 | options "credentials_env" and "credentials_file" exclude each other | ALTER USER MAPPING ... OPTIONS (DROP credentials_env, ADD credentials_file ''...'');'),
    ('alter server media options (set endpoint ''http://localhost:9000'')',
     '22023 | payload_signing cannot be unsigned where the endpoint is not https:// | ALTER SERVER ... OPTIONS (SET payload_signing ''signed'');'),
    ('alter server media options (add bucket ''c'')', '42710 | option "bucket" provided more than once'),
    ('alter foreign data wrapper atelier_s3 options (add bucket ''b'')', 'HV00D | invalid option "bucket" | Only servers and user mappings of atelier_s3 have options.')
  ) as refused (command, expected);

-- Roles
select is(pg_temp.refusal('stores_admin', command), 'no error', 'a member of atelier_admin may: ' || command) from (values
    ('create server own foreign data wrapper atelier_s3 options (bucket ''b'', endpoint ''https://x.org'')'), ('create user mapping for atelier_owner server own options (credentials_file ''/run/key'')'),
    ('alter user mapping for atelier_owner server own options (drop credentials_file, add credentials_env ''X'')')) as t (command);
select is(pg_temp.refusal('stores_owner', command), 'no error', 'a role that was given a server may: ' || command) from (values
    ('alter server owned options (set bucket ''c'')'), ('create user mapping for public server owned options (access_key_id ''A'', secret_access_key ''PLANTED'')')) as t (command);
select matches(pg_temp.refusal('stores_owner', command), expected, 'but not: ' || command) from (values
    ('create server other foreign data wrapper atelier_s3 options (bucket ''b'')', '^42501 \| permission denied for foreign-data wrapper atelier_s3$'),
    ('alter server owned options (add endpoint ''https://x.org'')', '^42501 \| permission denied to set option "endpoint" \| Only superusers and members of atelier_admin may set it, and change a foreign server that has it\.$'),
    ('create user mapping for current_user server owned options (credentials_file ''/etc/passwd'')', '^42501 \| permission denied to set option "credentials_file" \|'),
    ('create user mapping for current_user server owned options (credentials_env ''PG'')', '^42501 \| permission denied to set option "credentials_env" \|')) as t (command, expected);

-- Where credentials come from
create function pg_temp.key_of(p_store text) returns text language sql as $$
    select atelier_internal.provider_key((select oid from pg_foreign_server where srvname = p_store))::text
$$;
select is(pg_temp.key_of('media'), '(environment,public,f)', 'variables that the server has not');
select is(pg_temp.key_of('owned'), '(mapping,public,t)', 'credentials in the mapping');
create user mapping for atelier_owner server owned options (credentials_file '/run/key');
select is(pg_temp.key_of('owned'), '(file,atelier_owner,t)', 'the mapping of atelier_owner comes before that of PUBLIC');
select is(pg_temp.key_of('strange'), '(missing,,f)', 'a server that is none of ours holds no key of ours');
select is(atelier_internal.provider_key(0)::text, '(missing,,f)', 'nor does one that is not there');

-- URLs, against the answers that AWS publishes. The id is written in two parts: it looks like one that is in use.
\set id AKIA IOSFODNN7EXAMPLE
\set secret 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
create function pg_temp.presign(p_key text, p_method text default 'GET', p_headers jsonb default '{}', p_query jsonb default '{}', p_expires interval default '1 day',
                                p_store text default 'aws', p_bucket text default 'examplebucket', p_at timestamptz default '2013-05-24 00:00:00Z') returns text
    language sql as $$ select atelier_internal.presign(p_store, p_bucket, p_key, p_method, p_headers, p_query, p_expires, p_at) $$;
create function pg_temp.refused(p_arguments text) returns text language sql as $$ select pg_temp.error_of('select pg_temp.presign(' || p_arguments || ')') $$;
create server aws foreign data wrapper atelier_s3 options (bucket 'another', endpoint 'https://s3.amazonaws.com', path_style 'false');
create user mapping for public server aws options (access_key_id :'id', secret_access_key :'secret');
create function pg_temp.url(p_host_and_path text, p_expires integer, p_signed text, p_signature text, p_token text default '') returns text language sql as $$
    select format('https://%s?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%s%%2F20130524%%2Fus-east-1%%2Fs3%%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=%s%s&X-Amz-SignedHeaders=%s&X-Amz-Signature=%s',
                  p_host_and_path, 'AKIA' || 'IOSFODNN7EXAMPLE', p_expires, p_token, p_signed, p_signature)
$$;
select is(pg_temp.presign('test.txt'), pg_temp.url('examplebucket.s3.amazonaws.com/test.txt', 86400, 'host', 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'), 'a GET');
select is(pg_temp.presign('test.txt', p_at => '2013-05-24 02:00:00.999+02'), pg_temp.presign('test.txt'), 'fractions of a second do not count');
alter user mapping for public server aws options (add session_token 'TOKEN/+==');
select is(pg_temp.presign('folder/img 1.png', 'PUT', '{"content-type": "image/png"}', '{}', '15 minutes'),
          pg_temp.url('examplebucket.s3.amazonaws.com/folder/img%201.png', 900, 'content-type%3Bhost', '6e8c681be31ec76986045660b89d93ed2a796ddb32fdd5828630fe91363e2be8', '&X-Amz-Security-Token=TOKEN%2F%2B%3D%3D'),
          'a PUT with a token and a header');
select matches(pg_temp.presign('folder/img 1.png', 'PUT', '{"content-type": "image/png"}', '{"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}', '15 minutes'),
          'X-Amz-Signature=f8636e4df35675590b00ae0984d00d96c418d03b71e47db2b81fa52797b3e521', 'with a parameter');
alter user mapping for public server aws options (drop session_token);
select isnt(pg_temp.presign('test.txt', 'HEAD'), pg_temp.presign('test.txt'), 'the method is signed');
select matches(pg_temp.presign('k', p_query => '{"response-content-disposition": "attachment; filename=\"ä.png\""}'), '&response-content-disposition=attachment%3B%20filename%3D%22%C3%A4\.png%22&', 'a parameter is encoded');

-- How a bucket is addressed
create server plain foreign data wrapper atelier_s3 options (bucket 'b', region 'eu-west-1');
create user mapping for public server plain options (access_key_id 'A', secret_access_key 's');
create server own_host foreign data wrapper atelier_s3 options (bucket 'b', endpoint 'https://minio.example.org:9000/s3');
create user mapping for public server own_host options (access_key_id 'A', secret_access_key 's');
select is(split_part(pg_temp.presign('a/ü b+c.png', p_store => store, p_bucket => bucket), '?', 1), address, format('%s of %s', bucket, store)) from (values
    ('plain', 'b', 'https://b.s3.eu-west-1.amazonaws.com/a/%C3%BC%20b%2Bc.png'),
    ('plain', 'dotted.b', 'https://s3.eu-west-1.amazonaws.com/dotted.b/a/%C3%BC%20b%2Bc.png'),
    ('own_host', 'b', 'https://minio.example.org:9000/s3/b/a/%C3%BC%20b%2Bc.png')) as t (store, bucket, address);

-- What is refused
select is(pg_temp.refused(arguments), expected, arguments) from (values
    ('''k'', p_store => ''nothing''', '42704 | S3 store "nothing" does not exist | A DBA makes one with CREATE SERVER ... FOREIGN DATA WRAPPER atelier_s3 OPTIONS (bucket ''...'');'),
    ('''k'', p_store => ''file''', '42704 | S3 store "file" does not exist | A DBA makes one with CREATE SERVER ... FOREIGN DATA WRAPPER atelier_s3 OPTIONS (bucket ''...'');'),
    ('''k'', p_store => ''strange''', '42704 | S3 store "strange" does not exist | A DBA makes one with CREATE SERVER ... FOREIGN DATA WRAPPER atelier_s3 OPTIONS (bucket ''...'');'),
    ('''k'', ''POST''', '22023 | the method of a URL is GET, PUT, HEAD or DELETE'),
    ('''k'', ''get''', '22023 | the method of a URL is GET, PUT, HEAD or DELETE'),
    ('''k'', p_bucket => ''a/b''', '22023 | this is no name of a bucket'),
    ('''k'', p_bucket => ''''', '22023 | this is no name of a bucket'),
    ('''''', '22023 | a key has 1 to 1024 bytes'),
    ('repeat(''k'', 1025)', '22023 | a key has 1 to 1024 bytes'),
    ('''k'', p_at => ''infinity''', '22008 | a URL is signed at a time from 1970 to 9999'),
    ('''k'', p_at => ''1969-12-31 23:59:59Z''', '22008 | a URL is signed at a time from 1970 to 9999'),
    ('''k'', p_at => ''10000-01-01 00:00:00Z''', '22008 | a URL is signed at a time from 1970 to 9999')
  ) as t (arguments, expected);
select is(pg_temp.refused(format('''k'', p_expires => %L', expires)), '22023 | a URL expires after 1 second to 7 days, in whole seconds', expires || ' is refused')
  from unnest(array['0', '999 ms', '1.5 s', '-1 s', '7 days 1 s', '169 hours', '1 month', '2147483647 days', '1 day -100000 hours']) expires;
select is(pg_temp.refused(format('''k'', p_expires => %L', expires)), 'no error', expires || ' is taken') from unnest(array['1 s', '7 days', '168 hours', '6 days 24 hours']) expires;
select is(pg_temp.refused(format('''k'', p_headers => %L', headers)), '22023 | the headers of a URL are an object of printable texts with names in lower case', headers || ' are no headers')
  from unnest(array['[]', '"x"', 'null', '{"a": 1}', '{"a": null}', '{"a": {}}', '{"A": "x"}', '{"": "x"}', '{"a b": "x"}', '{"host": "x"}', '{"a": "x\nb"}', '{"a": ""}', '{"a": " x"}']) headers;
select is(pg_temp.refused(format('''k'', p_query => %L', query)), '22023 | the parameters of a URL are an object of texts, without those of a signature', query || ' are no parameters')
  from unnest(array['[]', '{"a": 1}', '{"": "x"}', '{"X-Amz-Signature": "x"}', '{"X-Amz-Expires": "604800"}']) query;
select is(atelier_internal.presign('aws', 'b', 'k', 'GET', '{}', '{}', '1 h', null), null, 'null gives null');

-- Without credentials
select set_config('test.file', current_setting('data_directory') || '/store_credentials', true) as file \gset
create function pg_temp.write_credentials(p_text text) returns void language plpgsql as $$
begin
    execute format('copy (select regexp_split_to_table(%L, %L)) to %L', p_text, '\n', current_setting('test.file'));
end
$$;
create server kept foreign data wrapper atelier_s3 options (bucket 'b', endpoint 'https://s3.amazonaws.com', path_style 'false');
select is(pg_temp.refused('''k'', p_store => ''kept'''), 'HV002 | store "kept" has no usable credentials: it has no user mapping for atelier_owner or PUBLIC | CREATE USER MAPPING FOR atelier_owner SERVER ... OPTIONS (access_key_id ''...'', secret_access_key ''...'');', 'no mapping');
create user mapping for public server kept options (credentials_env 'NO_SUCH');
select is(pg_temp.refused('''k'', p_store => ''kept'''), 'HV002 | store "kept" has no usable credentials: environment variable NO_SUCH_ACCESS_KEY_ID is not set | PostgreSQL has the environment that it was started with.', 'no variables');
create user mapping for atelier_owner server kept options (credentials_file :'file');
select is(pg_temp.refused('''k'', p_store => ''kept'''), format('HV002 | store "kept" has no usable credentials: the credentials_file "%s" cannot be used: %s | The account that PostgreSQL runs as must be able to read the file.', :'file', reason), reason)
  from (values ('No such file or directory')) as t (reason);
create function pg_temp.reason() returns text language sql as $$ select substring(pg_temp.refused('''k'', p_store => ''kept''') from 'cannot be used: (.*) \|') $$;
select pg_temp.write_credentials(e'[default]\naws_access_key_id = A\naws_secret_access_key = PLANTED x\n');
select is(pg_temp.reason(), 'aws_secret_access_key in section [default] is not one word of visible ASCII', 'a malformed file, of which nothing is quoted');
select pg_temp.write_credentials('[default]' || repeat(' ', 70000));
select is(pg_temp.reason(), 'it is longer than 64 KiB', 'a long file');
select pg_temp.write_credentials(format(e'# of the shop\n[other]\naws_access_key_id = X\n[default]\naws_access_key_id = %s\naws_secret_access_key = %s', :'id', :'secret'));
select is(pg_temp.presign('test.txt', p_store => 'kept'), pg_temp.presign('test.txt'), 'credentials of a file');
alter user mapping for atelier_owner server kept options (set credentials_file '/dev/null');
select is(pg_temp.reason(), 'it is not a regular file', 'a device');
alter user mapping for atelier_owner server kept options (set credentials_file '/tmp');
select is(pg_temp.reason(), 'it is not a regular file', 'a directory');

-- Who may
select is(pg_temp.refusal(role, 'select atelier_internal.presign(''aws'', ''b'', ''k'', ''GET'', ''{}'', ''{}'', ''1 h'', now())'), '42501 | permission denied for schema atelier_internal', role || ' may not presign')
  from unnest(array['atelier_app', 'atelier_admin', 'atelier_observer', 'stores_admin', 'stores_owner']) role;
set local role atelier_owner;
select isnt(atelier_internal.presign('aws', 'b', 'k', 'GET', '{}', '{}', '1 h', now()), null, 'functions of atelier_owner may');
reset role;

-- Settings
select is(atelier_internal.setting(name), value, 'setting ' || name) from (values ('default_store', 'file'), ('max_image_bytes', '10MB')) as t (name, value);
select is(pg_temp.refusal('stores_admin', format('set local pg_atelier.%s', assignment)), format('42501 | permission denied to set parameter "pg_atelier.%s"', split_part(assignment, ' ', 1)), assignment || ' is for superusers')
  from unnest(array['default_store = ''media''', 'max_image_bytes = ''1GB''']) assignment;
select * from finish();
rollback;
