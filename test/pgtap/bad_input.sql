-- Every public function, as every role, with values that nobody meant: what comes is an answer or an orderly refusal, soon.
-- The types of the arguments decide what is tried, so that a new function is tried without a word here.
begin;
\ir include/studio.psql
\ir ../support/two_clients.sql
select no_plan();
select pg_temp.start_engine();
select hostile.make_client('own') as own, hostile.make_client('other') as other \gset
create role bad_input_stranger;

-- Built once: a million of each.
create table hostile.millions (ids uuid[], words text[], numbers jsonb);
insert into hostile.millions
select array_agg(gen_random_uuid()), array_agg('w' || g), jsonb_agg(g) from generate_series(1, 1000000) as g;
create function hostile.nested(p_depth integer) returns jsonb language sql immutable as $$ select (repeat('[', p_depth) || repeat(']', p_depth))::jsonb $$;
grant usage on schema hostile to public;
grant select on hostile.millions to public;

create table hostile.bad_values (type regtype not null, label text not null, value text not null);
insert into hostile.bad_values values
    ('uuid', 'never existed', '''deadbeef-dead-4ead-8ead-deadbeefdead'''), ('uuid', 'nil', '''00000000-0000-0000-0000-000000000000'''),
    ('uuid', 'a client of others', quote_literal(:'other')),
    ('uuid[]', 'empty', '''{}'''), ('uuid[]', 'of null', '''{null}'''), ('uuid[]', 'never existed', '''{deadbeef-dead-4ead-8ead-deadbeefdead}'''),
    ('uuid[]', 'twice', '''{deadbeef-dead-4ead-8ead-deadbeefdead,deadbeef-dead-4ead-8ead-deadbeefdead}'''),
    ('uuid[]', 'two dimensions', '''{{deadbeef-dead-4ead-8ead-deadbeefdead},{deadbeef-dead-4ead-8ead-deadbeefdead}}'''),
    ('uuid[]', 'a million', '(select ids from hostile.millions)'), ('uuid[]', 'of others', format('array[%L]', hostile.id_for(:'other', 'product_id'))),
    ('text[]', 'empty', '''{}'''), ('text[]', 'of null', '''{null}'''), ('text[]', 'two dimensions', '''{{a,b},{c,d}}'''), ('text[]', 'odd bounds', '''[-5:-4]={a,b}'''),
    ('text[]', 'a million', '(select words from hostile.millions)'), ('text[]', 'one huge', 'array[repeat(''w'', 5000000)]'),
    ('text', 'empty', ''''''), ('text', 'blank', ''' '''), ('text', 'unknown', '''no such thing'''), ('text', 'huge', 'repeat(''w '', 2500000)'),
    ('text', 'controls', 'e''\x01\x1b[31m\x7f\r\n\t'''), ('text', 'right to left', 'e''\u202e\u2066abc\ufeff\ufffe'''), ('text', 'beyond the BMP', 'e''\U0001F600\U0010FFFF'''),
    ('text', 'quotes', '''a'''' ; drop schema atelier cascade; --"\'''), ('text', 'formats', '''%s %I %n %1$s %'''), ('text', 'a path', '''../../../etc/passwd'''),
    ('text', 'a pattern', '''((((((((((a+)+)+)+)+)+)+)+)+)+$'''), ('text', 'json', '''{"a": [1]}'''),
    ('integer', 'least', '(-2147483648)'), ('integer', 'greatest', '2147483647'), ('integer', 'zero', '0'), ('integer', 'below', '(-1)'),
    ('bigint', 'least', '(-9223372036854775808)'), ('bigint', 'greatest', '9223372036854775807'), ('bigint', 'zero', '0'), ('bigint', 'below', '(-1)'),
    ('smallint', 'least', '(-32768)'), ('smallint', 'greatest', '32767'),
    ('numeric', 'no number', '''NaN'''), ('numeric', 'infinity', '''Infinity'''), ('numeric', 'minus infinity', '''-Infinity'''), ('numeric', 'long', 'repeat(''9'', 100000)'),
    ('double precision', 'no number', '''NaN'''), ('double precision', 'infinity', '''Infinity'''), ('double precision', 'minus infinity', '''-Infinity'''),
    ('real', 'no number', '''NaN'''), ('real', 'infinity', '''Infinity'''),
    ('boolean', 'true', 'true'), ('boolean', 'false', 'false'),
    ('timestamptz', 'infinity', '''infinity'''), ('timestamptz', 'minus infinity', '''-infinity'''), ('timestamptz', 'last', '''294276-12-31 23:59:59.999999+00'''),
    ('timestamptz', 'first', '''4713-01-01 00:00:00+00 BC'''), ('timestamptz', 'long ago', '''1970-01-01 00:00:00+00'''),
    ('date', 'infinity', '''infinity'''), ('date', 'last', '''5874897-12-31'''), ('date', 'first', '''4713-01-01 BC'''),
    ('interval', 'longest', '''178000000 years'''), ('interval', 'shortest', '''-178000000 years'''), ('interval', 'none', '''0'''), ('interval', 'backwards', '''-1 day'''), ('interval', 'an instant', '''1 microsecond'''),
    ('interval', 'longest in days', '''2147483647 days'''),
    ('jsonb', 'null', '''null'''), ('jsonb', 'number', '''1'''), ('jsonb', 'long number', 'repeat(''9'', 100000)'), ('jsonb', 'string', '''"word"'''), ('jsonb', 'empty list', '''[]'''), ('jsonb', 'empty', '''{}'''),
    ('jsonb', 'deep', 'hostile.nested(2000)'), ('jsonb', 'a million', '(select numbers from hostile.millions)'), ('jsonb', 'huge string', 'to_jsonb(repeat(''w'', 5000000))'),
    ('jsonb', 'odd keys', '''{"": null, "a.b": {}, "$[*]": [], "__proto__": {"a": 1e300}, "roomType": [], "style": {"a": 1}, "props": "lamp", "surroundings": 5}'''),
    ('jsonb', 'many keys', '(select jsonb_object_agg(''key'' || g, g) from generate_series(1, 100000) as g)'),
    ('jsonb', 'nested values', '''{"roomType": {"a": {"b": []}}, "settings": [[[]]], "limits": {"monthlyGenerationLimit": "NaN"}, "tags": [null, {}, []]}''');
-- Of a type that is new here, null alone is tried.
insert into hostile.bad_values
select t.type, 'null', 'null' from (select distinct unnest(f.types) as type from hostile.functions() f) as t;

create table hostile.roles (label text, role text, client_id uuid, user_id uuid);
insert into hostile.roles
select r.label, r.role, case when r.chosen then c.client_id end, case when r.chosen then c.user_id end
  from hostile.clients c,
       (values ('app with a client', 'atelier_app', true), ('app without', 'atelier_app', false), ('admin', 'atelier_admin', false), ('admin with a client', 'atelier_admin', true),
               ('observer', 'atelier_observer', false), ('stranger', 'bad_input_stranger', false)) as r (label, role, chosen)
 where c.name = 'own';

create table hostile.outcomes (function regprocedure, role text, what text, state text, message text, hint text, raised_by text, took interval);

create function hostile.attempt(p_function regprocedure, p_role hostile.roles, p_what text, p_call text) returns void language plpgsql as $$
declare
    v_started timestamptz := clock_timestamp();
    v_rows bigint;
    v_state text; v_message text; v_hint text; v_context text;
begin
    begin
        perform hostile.become(p_role.role, p_role.client_id, p_role.user_id);
        execute p_call into v_rows;
        raise exception 'answered' using errcode = 'ZZ000';
    exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_hint = pg_exception_hint, v_context = pg_exception_context;
    end;
    insert into hostile.outcomes values (p_function, p_role.label, p_what, v_state, left(v_message, 300), v_hint,
        -- Its first line tells of a RAISE in a function of ours.
        substring(v_context from '\APL/pgSQL function (atelier[a-z_]*\.[a-z_0-9]+\([^\n]*\) line \d+) at RAISE'), clock_timestamp() - v_started);
end
$$;

create function hostile.try_function(p_function oid) returns void language plpgsql as $$
declare
    v_function record;
    v_role hostile.roles;
    v_legal text[];
    v_given text[];
    v_bad record;
begin
    select * into v_function from hostile.functions() f where f.oid = p_function;
    v_legal := array(select hostile.legal_value((select c.client_id from hostile.clients c where c.name = 'own'), a.name, a.type)
                       from unnest(v_function.names, v_function.types) with ordinality as a (name, type, n) order by a.n);
    for v_role in select * from hostile.roles loop
        perform hostile.attempt(v_function.name, v_role, 'as it is meant',
                                format('select count(r::text) from %s(%s) as r', v_function.call, array_to_string(v_legal, ', ')));
        continue when not has_function_privilege(v_role.role, p_function, 'execute');
        for v_bad in
            select a.n, a.name, a.type, b.label, b.value
              from unnest(v_function.names, v_function.types) with ordinality as a (name, type, n)
              join hostile.bad_values b on b.type = a.type
            union all
            select a.n, a.name, a.type, 'of others', quote_literal(hostile.id_for((select c.client_id from hostile.clients c where c.name = 'other'), a.name))
              from unnest(v_function.names, v_function.types) with ordinality as a (name, type, n) where a.type = 'uuid'::regtype
        loop
            v_given := v_legal;
            v_given[v_bad.n] := format('%s::%s', v_bad.value, v_bad.type);
            perform hostile.attempt(v_function.name, v_role, format('%s %s', v_bad.name, v_bad.label),
                                    format('select count(r::text) from %s(%s) as r', v_function.call, array_to_string(v_given, ', ')));
        end loop;
        perform hostile.attempt(v_function.name, v_role, 'null throughout', format('select count(r::text) from %s(%s) as r', v_function.call,
            (select string_agg(format('null::%s', t.type), ', ' order by t.n) from unnest(v_function.types) with ordinality as t (type, n))));
    end loop;
end
$$;

-- One statement a function: the time limit is each one's, and nothing catches it.
set local statement_timeout = '30s';
select format('do $do$ begin perform hostile.try_function(%s); end $do$', f.oid) from hostile.functions() f
\gexec
reset statement_timeout;

select is_empty($$ select f.name from hostile.functions() f except select o.function from hostile.outcomes o where o.role = 'admin' $$,
    'every public function was called');
select cmp_ok((select count(distinct o.function) from hostile.outcomes o where o.state = 'ZZ000'), '>', (select count(*) * 2 / 3 from hostile.functions()),
    'most of them answer some call: what they are given is not refused at the door');
select is_empty($$ select distinct o.function, o.state, o.what, o.message from hostile.outcomes o
                    where o.state !~ '^(ZZ000|22...|23...|42501|42704|42809|53400|54...|55000|55006|P0002|0A000)$' $$,
    'every call ends with an answer or with an error of a class that tells the caller what is wrong');
select is_empty($$ select distinct o.function, o.raised_by, o.state, o.message from hostile.outcomes o where o.raised_by is not null and coalesce(o.hint, '') = '' $$,
    'every refusal of ours has a hint that names the way out');
select is_empty($$ select o.function, o.role, o.what, o.state, o.took from hostile.outcomes o where o.took > interval '10 seconds' $$,
    'none takes longer than 10 s, on a busy machine too');
select is_empty($$ select distinct o.function, o.role, o.state, o.message from hostile.outcomes o join hostile.roles r on r.label = o.role
                    where not has_function_privilege(r.role, o.function, 'execute') and o.state <> '42501' $$,
    'who was not granted a function is refused with 42501');
select is_empty($$ select distinct o.function from hostile.outcomes o where o.role = 'stranger' and o.state <> '42501' $$,
    'a role that is none of ours may call nothing');
select diag(format('%s calls of %s functions, %s of them answered', count(*), count(distinct o.function), count(*) filter (where o.state = 'ZZ000'))) from hostile.outcomes o;
select * from finish();
rollback;
