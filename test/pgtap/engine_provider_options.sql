-- Options of the foreign data wrappers: what is refused, with which hint, and by whom they may be set.
\set QUIET on
begin;
\ir include/studio.psql
select no_plan();

create role options_admin login in role atelier_admin;
create role options_owner login;
create server gemini foreign data wrapper atelier_gemini;
create server openai foreign data wrapper atelier_openai;
create server owned foreign data wrapper atelier_gemini;
alter server owned owner to options_owner;

-- Who: the role that the command runs as.
create function pg_temp.refusal(p_role text, p_command text) returns text language sql as $$
    select pg_temp.error_of(format('set local role %I; %s; reset role', p_role, p_command))
$$;

-- Legal values, each of them
select is(pg_temp.refusal('postgres', command), 'no error', command) from (values
    ('alter server gemini options (add base_url ''https://example.org'')'),
    ('alter server gemini options (set base_url ''https://example.org:8443/a/b.c'')'),
    ('alter server gemini options (set base_url ''https://[2001:db8::1]:8443/x'')'),
    ('alter server gemini options (set base_url ''http://localhost:8080'')'),
    ('alter server gemini options (set base_url ''http://127.9.0.1/v1'')'),
    ('alter server gemini options (set base_url ''http://[::1]:1'')'),
    ('alter server gemini options (add api_version ''v1'')'),
    ('alter server gemini options (add image_model ''a-model.1'', json_model ''b'', text_model ''c'')'),
    ('alter server openai options (add image_model ''vendor/a-model:free'')'),
    ('alter server gemini options (add connect_timeout ''500ms'', progress_timeout ''1h'', timeout ''1 d'')'),
    ('alter server gemini options (add outcome_unknown ''retry'')'),
    ('create user mapping for public server openai options (api_key ''sk-1'')'),
    ('alter user mapping for public server openai options (drop api_key, add api_key_file ''/run/key of mine'')'),
    ('alter user mapping for public server openai options (drop api_key_file, add api_key_env ''MY_KEY_2'')')
  ) as legal (command);
select is(atelier_internal.provider_option('gemini', name), value, 'option ' || name || ' as it was set') from (values
    ('base_url', 'http://[::1]:1'), ('api_version', 'v1'), ('image_model', 'a-model.1'), ('outcome_unknown', 'retry')) as t (name, value);
select is(atelier_internal.provider_option('owned', name), value, 'default of ' || name) from (values
    ('base_url', 'https://generativelanguage.googleapis.com'), ('api_version', 'v1beta'), ('image_model', null), ('connect_timeout', '10s'),
    ('progress_timeout', '3min'), ('timeout', '10min'), ('outcome_unknown', 'hold'), ('api_key', null), ('nothing', null)) as t (name, value);
select is(atelier_internal.provider_option('openai', 'base_url'), 'https://api.openai.com/v1', 'default of base_url for openai');
select is(atelier_internal.provider_option(name, 'base_url'), null, 'no option of ' || name) from (values ('offline'), ('no such server')) as t (name);

-- Bad values: the option is named, its value never
select is(pg_temp.refusal('postgres', format('create server bad foreign data wrapper atelier_%s options (%s %L)', kind, name, value)),
          format('22023 | invalid value for option "%s" | %s', name, hint), format('%s %s is refused', name, to_json(left(value, 40))))
  from (select 'gemini', 'base_url', v, 'It is https://host[:port][/path] without user, query, fragment and trailing slash; http:// only for localhost, 127.0.0.0/8 and [::1].'
          from unnest(array['', 'example.org', 'ftp://example.org', 'https://', 'https:///x', 'https://example.org/', 'https://example.org/a/', 'https://example.org//a',
                            'https://example.org/a/../b', 'https://example.org?x=1', 'https://example.org/a?x', 'https://example.org#a', 'https://user@example.org',
                            'https://user:secret@example.org', 'https://example.org:0', 'https://example.org:65536', 'https://example.org:8x', 'https://example.org:',
                            'https://exa mple.org', e'https://example.org/\n', e'https://example.org\t', 'https://example..org', 'https://-x.org', 'https://example.org/%2e%2e',
                            'http://example.org', 'http://10.0.0.1', 'http://127.example.org', 'http://127.1', 'http://127.0.0.256', 'http://127.0.0.1.example.org',
                            'http://localhost.example.org', 'https://[::1', 'https://[example]', 'https://' || repeat('a', 64) || '.org', 'https://example.org/' || repeat('a', 2000)]) v
        union all
        select 'gemini', 'api_version', v, 'It is one segment of a path, such as v1beta.' from unnest(array['', 'v1/beta', '..', 'v1?', e'v1\n', repeat('v', 101)]) v
        union all
        select 'gemini', name, v, 'It is the name of a model: 1 to 200 printable ASCII characters without blank, "..", "/", "?", "&" and "#".'
          from unnest(array['', 'a/b', 'a..b', 'a?b', 'a&b', 'a#b', 'a b', e'a\nb', 'é', repeat('m', 201)]) v, unnest(array['image_model', 'json_model', 'text_model']) name
        union all
        select 'openai', 'image_model', v, 'It is the name of a model: 1 to 200 printable ASCII characters without blank, "..", "?", "&" and "#".'
          from unnest(array['', 'a/../b', 'a?b', 'a b']) v
        union all
        select 'gemini', 'connect_timeout', v, 'It is a time from 1ms to 5min: a whole number and one of the units ms, s, min, such as 10s.'
          from unnest(array['', '0s', '10', '-1s', '6min', '1.5s', '010s', '1  s', 'infinity', '99999999999ms', '10 seconds']) v
        union all
        select 'gemini', 'progress_timeout', v, 'It is a time from 1ms to 1h: a whole number and one of the units ms, s, min, h, such as 3min.' from unnest(array['0ms', '2h']) v
        union all
        select 'gemini', 'timeout', v, 'It is a time from 1ms to 1d: a whole number and one of the units ms, s, min, h, d, such as 10min.' from unnest(array['0d', '2d']) v
        union all
        select 'gemini', 'outcome_unknown', v, 'It is hold or retry.' from unnest(array['', 'Hold', 'ignore']) v
       ) as bad (kind, name, value, hint);
select is(pg_temp.refusal('postgres', format('create user mapping for atelier_owner server gemini options (%s %L)', name, value)),
          format('22023 | invalid value for option "%s" | %s', name, hint), format('%s %s is refused', name, to_json(left(value, 40))))
  from (values ('api_key', '', 'It is 1 to 4096 printable ASCII characters without blank.'), ('api_key', e'sk-PLANTED\r\nX-Other: 1', 'It is 1 to 4096 printable ASCII characters without blank.'),
               ('api_key_file', 'key', 'It is the absolute path of a file on the server.'), ('api_key_file', e'/run/key\n', 'It is the absolute path of a file on the server.'),
               ('api_key_file', '/', 'It is the absolute path of a file on the server.'),
               ('api_key_env', '1X', 'It is the name of an environment variable: letters, digits and underscores.'),
               ('api_key_env', '$X', 'It is the name of an environment variable: letters, digits and underscores.')) as bad (name, value, hint);

-- Wrong names and places
select is(pg_temp.refusal('postgres', command), expected, command) from (values
    ('create server bad foreign data wrapper atelier_gemini options (baseurl ''https://x.org'')', 'HV00D | atelier_gemini has no option "baseurl" of a foreign server | Perhaps you meant the option "base_url".'),
    ('create server bad foreign data wrapper atelier_gemini options (colour ''red'')',
     'HV00D | atelier_gemini has no option "colour" of a foreign server | Valid options in this context are: base_url, api_version, image_model, json_model, text_model, connect_timeout, progress_timeout, timeout, outcome_unknown.'),
    ('create server bad foreign data wrapper atelier_openai options (api_version ''v1'')',
     'HV00D | atelier_openai has no option "api_version" of a foreign server | Valid options in this context are: base_url, image_model, json_model, text_model, connect_timeout, progress_timeout, timeout, outcome_unknown.'),
    ('create server bad foreign data wrapper atelier_openai options (api_key ''sk-PLANTED'')',
     'HV00D | option "api_key" belongs to a user mapping, not to a foreign server | CREATE USER MAPPING FOR atelier_owner SERVER ... OPTIONS (api_key ''...'');'),
    ('create user mapping for public server gemini options (base_url ''https://x.org'')',
     'HV00D | option "base_url" belongs to a foreign server, not to a user mapping | ALTER SERVER ... OPTIONS (ADD base_url ''...'');'),
    ('create user mapping for public server gemini options (apikey ''sk-PLANTED'')', 'HV00D | atelier_gemini has no option "apikey" of a user mapping | Perhaps you meant the option "api_key".'),
    ('create user mapping for public server gemini options (password ''sk-PLANTED'')',
     'HV00D | atelier_gemini has no option "password" of a user mapping | Valid options in this context are: api_key, api_key_file, api_key_env.'),
    ('create user mapping for public server gemini', 'HV002 | the user mapping has no key | Give one of the options api_key_file, api_key_env and api_key.'),
    ('create user mapping for public server gemini options (api_key ''sk-PLANTED'', api_key_file ''/run/key'')',
     '22023 | options "api_key" and "api_key_file" exclude each other | ALTER USER MAPPING ... OPTIONS (DROP api_key, ADD api_key_file ''...'');'),
    ('alter user mapping for public server openai options (drop api_key_env)', 'HV002 | the user mapping has no key | Give one of the options api_key_file, api_key_env and api_key.'),
    ('alter server gemini options (add base_url ''https://x.org'')', '42710 | option "base_url" provided more than once'),
    ('alter foreign data wrapper atelier_gemini options (add base_url ''https://x.org'')', 'HV00D | invalid option "base_url" | Only servers and user mappings of atelier_gemini have options.'),
    ('create foreign table pg_temp.t (a text) server gemini options (base_url ''https://x.org'')', 'HV00D | invalid option "base_url" | Only servers and user mappings of atelier_gemini have options.')
  ) as refused (command, expected);

-- Roles
select is(pg_temp.refusal('options_admin', command), 'no error', 'a member of atelier_admin may: ' || command) from (values
    ('create server own foreign data wrapper atelier_openai options (base_url ''https://x.org'')'), ('create user mapping for atelier_owner server own options (api_key_file ''/run/key'')'),
    ('alter user mapping for atelier_owner server own options (drop api_key_file, add api_key_env ''X'')')) as t (command);
select is(pg_temp.refusal('options_owner', command), 'no error', 'a role that was given a server may: ' || command) from (values
    ('alter server owned options (add image_model ''m'')'), ('create user mapping for public server owned options (api_key ''sk-2'')')) as t (command);
select matches(pg_temp.refusal('options_owner', command), expected, 'but not: ' || command) from (values
    ('create server other foreign data wrapper atelier_gemini', '^42501 \| permission denied for foreign-data wrapper atelier_gemini$'),
    ('alter server owned options (add base_url ''https://x.org'')', '^42501 \| permission denied to set option "base_url" \| Only superusers and members of atelier_admin may set it, and change a foreign server that has it\.$'),
    ('alter user mapping for public server owned options (drop api_key, add api_key_file ''/etc/passwd'')', '^42501 \| permission denied to set option "api_key_file" \| .* change a user mapping that has it\.$'),
    ('create user mapping for current_user server owned options (api_key_env ''PGPASSWORD'')', '^42501 \| permission denied to set option "api_key_env" \|')) as t (command, expected);

-- Where keys come from, and what is said of it
select is(atelier_internal.provider_key((select oid from pg_foreign_server where srvname = 'gemini'))::text, '(missing,,f)', 'no mapping, no key');
create user mapping for atelier_owner server gemini options (api_key_env 'PATH');
select is(atelier_internal.provider_key((select oid from pg_foreign_server where srvname = 'gemini'))::text, '(environment,atelier_owner,t)', 'a variable that the server has');
select is(atelier_internal.provider_key((select oid from pg_foreign_server where srvname = 'openai'))::text, '(environment,public,f)', 'one that it has not');
select is(atelier_internal.provider_key((select oid from pg_foreign_server where srvname = 'owned'))::text, '(mapping,public,t)', 'a key in the mapping');
create user mapping for atelier_owner server openai options (api_key_file '/run/key');
select is(atelier_internal.provider_key((select oid from pg_foreign_server where srvname = 'openai'))::text, '(file,atelier_owner,t)', 'the mapping of atelier_owner comes before that of PUBLIC');
create user mapping for options_owner server openai options (api_key 'sk-3');
create server offline foreign data wrapper atelier_gemini;
create role options_member login in role atelier_owner;
create server members foreign data wrapper atelier_gemini options (text_model 'm');
create user mapping for atelier_owner server members options (api_key 'sk-4');
insert into atelier.prices (provider, unit, price) values ('gemini', 'image', 1);

select is((select array_agg(format('%s %s: %s', area, case when ok then 'ok' else 'NOT OK' end, finding) order by n) from atelier.self_check() with ordinality as c (area, ok, finding, advice, n)
            where area in ('provider', 'user mapping')), array[
    'provider ok: provider gemini (gemini): its key comes from the environment variable that the mapping for atelier_owner names',
    'provider ok: provider members (gemini): its key stands in the mapping for atelier_owner',
    'provider NOT OK: provider offline (gemini): it has no key',
    'provider ok: provider openai (openai): its key comes from the file that the mapping for atelier_owner names',
    'provider NOT OK: provider own (openai): the environment variable that the mapping for atelier_owner names is not set in the server',
    'provider ok: provider owned (gemini): its key stands in the mapping for public',
    'provider NOT OK: provider own has no model',
    'provider ok: provider members has no price, so what it costs is unknown',
    'provider ok: provider offline has no price, so what it costs is unknown',
    'provider ok: provider openai has no price, so what it costs is unknown',
    'provider ok: provider own has no price, so what it costs is unknown',
    'provider ok: provider owned has no price, so what it costs is unknown',
    'provider NOT OK: foreign server offline is never used: what is embedded under that name comes first',
    'user mapping NOT OK: the key in the mapping for atelier_owner of provider members could be read by options_member',
    'user mapping NOT OK: the key in the mapping for public of provider owned could be read by options_owner',
    'user mapping NOT OK: the mapping for options_owner of provider openai is never used',
    'user mapping NOT OK: the mapping for public of provider openai is never used'], 'self_check: keys, models, prices, mappings');
select is((select array_agg(provider || ' ' || key_source order by provider) from atelier.providers),
          array['gemini environment', 'members mapping', 'offline missing', 'openai file', 'own environment', 'owned mapping'], 'the view of providers');
select is((select (kind, base_url, connect_timeout, progress_timeout, timeout, outcome_unknown)::text from atelier.providers where provider = 'owned'),
          '(gemini,https://generativelanguage.googleapis.com,00:00:10,00:03:00,00:10:00,hold)', 'shows the options in force');
select * from finish();
rollback;
