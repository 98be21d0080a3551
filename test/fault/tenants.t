# Two tenants with rows of every kind: what a session that works for one gets from every public function and view when it
# holds the ids of the other. Asked from the catalog, so that what is new is asked too.
use strict;
use warnings;
use Atelier;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

# No worker: nothing moves but by what is called.
my $node = Atelier->start_cluster('tenants', preload => 0, settings => { fsync => 'off' });
my $support = abs_path(dirname(__FILE__) . '/../support');

# Everything runs in one transaction, so that now() is one time; its findings stay in tables.
sub run
{
    my ($sql) = @_;
    my ($status, $out, $error) = $node->psql($Atelier::DATABASE, $sql, on_error_stop => 1, extra_params => ['-1']);
    die $error if $status != 0;
    return $out;
}

run(<<"SQL" . <<'SQL');
\\i $support/two_clients.sql
SQL
select null from atelier_internal.begin_incarnation(4711, 1);
select hostile.make_client('own');
create role tenants_stranger;

create table hostile.roles as
select r.label, r.role, case when r.chosen then c.client_id end as client_id, case when r.chosen then c.user_id end as user_id
  from hostile.clients c,
       (values ('app for a client', 'atelier_app', true), ('app without one', 'atelier_app', false), ('admin for a client', 'atelier_admin', true),
               ('observer for a client', 'atelier_observer', true), ('stranger', 'tenants_stranger', false)) as r (label, role, chosen);

-- What a role reads in a view or table: all of it as text, or the SQLSTATE of the refusal.
create function hostile.read_as(p_role hostile.roles, p_relation regclass, p_columns text) returns text language plpgsql as $$
declare
    v_read text;
begin
    perform hostile.become(p_role.role, p_role.client_id, p_role.user_id);
    execute format('select coalesce(string_agg(r::text, e''\n'' order by r::text collate "C"), '''') from (select %s from %s) as r', p_columns, p_relation) into v_read;
    raise exception using errcode = 'ZZ000', message = 'read: ' || v_read;
exception when others then
    return case when sqlstate = 'ZZ000' then sqlerrm else sqlstate end;
end
$$;

-- The columns that a role may read, of everything that it may read something of.
create function hostile.readable() returns table (role hostile.roles, relation regclass, columns text) language sql as $$
    select r, c.oid::regclass, string_agg(quote_ident(a.attname), ', ' order by a.attnum)
      from hostile.roles r, pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm')
       and has_column_privilege(r.role, c.oid, a.attnum, 'select') and (c.relnamespace = 'atelier'::regnamespace or has_schema_privilege(r.role, c.relnamespace, 'usage'))
     group by r.*, c.oid
$$;

select hostile.make_client('other');
-- By all of them its rows would be known; those that are tried out are one of a kind: of each table, and of assets and images one of each status.
create table hostile.foreign_ids as select u.id from unnest(hostile.ids_of('other')) as u (id);
create table hostile.tried_ids as
with other as (select c.* from hostile.clients c where c.name = 'other'),
     kinds as (select 'asset ' || a.status || coalesce(' deleted' || left(a.deleted_at::text, 0), '') as kind, a.id from atelier.generated_assets a, other o where a.client_id = o.client_id
               union all select 'image ' || i.status, i.id from atelier.images i, other o where i.client_id = o.client_id
               union all select 'collection ' || c.status, c.id from atelier.collections c, other o where c.client_id = o.client_id
               union all select 'product', p.id from atelier.products p, other o where p.client_id = o.client_id
               union all select 'inspiration', i.id from atelier.inspiration_images i, other o where i.client_id = o.client_id
               union all select 'job ' || j.state, j.id from atelier_internal.jobs j, other o where j.client_id = o.client_id
               union all select 'job ended', h.job_id from atelier_internal.history_failed h, other o where h.client_id = o.client_id
               union all select 'client', o.client_id from other o
               union all select 'user', o.user_id from other o
               -- kinds that are new here
               union all select 'else ' || f.id, f.id from hostile.foreign_ids f
                         where not exists (select from atelier.generated_assets x where x.id = f.id or x.job_id = f.id) and not exists (select from atelier.images x where x.id = f.id or x.job_id = f.id)
                           and not exists (select from atelier_internal.jobs x where x.id = f.id))
select distinct min(k.id::text)::uuid as id from kinds k group by k.kind;
create table hostile.constants as
select (select c.client_id from hostile.clients c where c.name = 'own') as own, (select c.client_id from hostile.clients c where c.name = 'other') as other,
       (select string_agg(f.id::text, '|') from hostile.foreign_ids f) || '|(Studio|Chair of|Owner of|Draft of|Spring of) other|other@studio' as pattern;

-- Read where there are two tenants, and again as if there had never been more than one.
create table hostile.readings as
select (r.role).label as role, r.relation, hostile.read_as(r.role, r.relation, r.columns) as together, null::text as alone from hostile.readable() r;
create function hostile.read_alone() returns void language plpgsql as $$
declare
    v_alone hostile.readings[];
begin
    perform hostile.forget(c.other, c.pattern) from hostile.constants c;
    select array_agg(row((r.role).label, r.relation, null, hostile.read_as(r.role, r.relation, r.columns))::hostile.readings) into v_alone from hostile.readable() r;
    raise exception using errcode = 'ZZ000', message = 'undone';
exception when sqlstate 'ZZ000' then
    update hostile.readings x set alone = a.alone from unnest(v_alone) a where a.role = x.role and a.relation = x.relation;
end
$$;
select hostile.read_alone();
SQL

# Everything below is one client's eyes on the other's ids.
run(<<'SQL');
create table hostile.findings (kind text, function regprocedure, role text, argument text, told text);
create table hostile.calls (function regprocedure, role text, argument text, known boolean, state text);

create table hostile.before as select r.* from hostile.constants c, hostile.rows_of(c.other, c.pattern) r;

-- What a call comes to, in words: the rows, or the refusal with all that a client program sees of it. What it changed stays.
create function hostile.told(p_role hostile.roles, p_call text) returns text language plpgsql as $$
declare
    v_told text;
    v_state text; v_message text; v_detail text; v_hint text; v_constraint text; v_column text; v_table text;
begin
    perform hostile.become(p_role.role, p_role.client_id, p_role.user_id);
    execute p_call into v_told;
    reset role;
    return 'answer: ' || coalesce(v_told, '');
exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint,
        v_constraint = constraint_name, v_column = column_name, v_table = table_name;
    return concat_ws(' | ', v_state, v_message, v_detail, v_hint, v_constraint, v_column, v_table);
end
$$;

-- One function as one role: with the ids of the other client in each place, one at a time, and with one that never existed.
create function hostile.look_through(p_function oid, p_role hostile.roles) returns void language plpgsql as $$
declare
    v_constants hostile.constants;
    v_function record;
    v_legal text[];
    v_given text[];
    v_argument record;
    v_told text; v_unknown text;
    v_found hostile.findings[] := '{}';
    v_calls hostile.calls[] := '{}';
    v_never constant text := 'deadbeef-dead-4ead-8ead-deadbeefdead';
begin
    select * into v_constants from hostile.constants;
    select * into v_function from hostile.functions() f where f.oid = p_function;
    v_legal := array(select hostile.legal_value(v_constants.own, a.name, a.type) from unnest(v_function.names, v_function.types) with ordinality as a (name, type, n) order by a.n);
    begin
        v_told := hostile.told(p_role, format('select string_agg(r::text, e''\n'') from %s(%s) as r', v_function.call, array_to_string(v_legal, ', ')));
        v_calls := v_calls || row(v_function.name, p_role.label, '', false, left(v_told, 5))::hostile.calls;
        if v_told ~ v_constants.pattern then
            v_found := v_found || row('names', v_function.name, p_role.label, '', v_told)::hostile.findings;
        end if;
        for v_argument in
            select a.n, a.name, case when a.type = 'uuid[]'::regtype then 'array[%L]::uuid[]' else '%L::' || a.type end as form, x.value, x.never, x.id
              from unnest(v_function.names, v_function.types) with ordinality as a (name, type, n)
              join lateral (select f.id::text as value, v_never as never, f.id::text as id from hostile.tried_ids f where a.type in ('uuid'::regtype, 'uuid[]'::regtype)
                            union all
                            select format(k.key, v_constants.other), format(k.key, v_never), v_constants.other::text
                              from (values ('%s'), ('clients/%s/photos/chair.png'), ('clients/%s'), ('client_assets:%s')) as k (key) where a.type = 'text'::regtype) as x on true
             order by a.n, x.never
        loop
            v_given := v_legal;
            v_given[v_argument.n] := format(v_argument.form, v_argument.never);
            begin
                v_unknown := hostile.told(p_role, format('select string_agg(r::text, e''\n'') from %s(%s) as r', v_function.call, array_to_string(v_given, ', ')));
                raise exception using errcode = 'ZZ000', message = 'undone';
            exception when sqlstate 'ZZ000' then
                null;
            end;
            v_given[v_argument.n] := format(v_argument.form, v_argument.value);
            v_told := hostile.told(p_role, format('select string_agg(r::text, e''\n'') from %s(%s) as r', v_function.call, array_to_string(v_given, ', ')));
            v_calls := v_calls || row(v_function.name, p_role.label, v_argument.name, true, left(v_told, 5))::hostile.calls;
            v_told := replace(v_told, v_argument.id, '<it>');
            v_unknown := replace(v_unknown, v_never, '<it>');
            if v_told ~ v_constants.pattern then
                v_found := v_found || row('names', v_function.name, p_role.label, v_argument.name, v_told)::hostile.findings;
            end if;
            -- Fresh ids and times differ anyway.
            if regexp_replace(v_told, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{4}-[0-9-]+[ T][0-9:.+]+|X-Amz-[^&]*', '<new>', 'g')
               is distinct from regexp_replace(v_unknown, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{4}-[0-9-]+[ T][0-9:.+]+|X-Amz-[^&]*', '<new>', 'g') then
                v_found := v_found || row('hints', v_function.name, p_role.label, v_argument.name || ' ' || v_argument.value, v_told || '   <>   ' || v_unknown)::hostile.findings;
            end if;
        end loop;
        -- A row that only repeats what the caller wrote is the caller's.
        v_found := v_found || array(
            select row('changes', v_function.name, p_role.label, '', concat_ws(' ', d.what, d.name, left(d.content, 200)))::hostile.findings
              from (select 'gone:' as what, g.* from (select * from hostile.before except all select * from hostile.rows_of(v_constants.other, v_constants.pattern)) g
                    union all
                    select 'new:', n.* from (select * from hostile.rows_of(v_constants.other, v_constants.pattern) except all select * from hostile.before) n where n.owned) d);
        raise exception using errcode = 'ZZ000', message = 'undone';
    exception when sqlstate 'ZZ000' then
        null;
    end;
    insert into hostile.findings select * from unnest(v_found);
    insert into hostile.calls select * from unnest(v_calls);
end
$$;
select hostile.look_through(f.oid, r) from hostile.functions() f, hostile.roles r;
SQL

sub none
{
    my ($sql, $what) = @_;
    my $found = $node->ask($sql);
    is($found, '', $what);
    return;
}

# What operators look at is the engine, whichever client they work for; an application sees none of it.
my $engine = q(x.role ~ '^(admin|observer)' and x.relation in ('atelier.alerts'::regclass, 'atelier.deletion_queue'::regclass));
my $operated = q(role ~ '^(admin|observer)' and function in ('atelier.self_check()'::regprocedure, 'atelier.resolve_alert(text)'::regprocedure)
    -- Before it has said for whom it works, an application asks for the client of whichever user it names.
    or role = 'app without one' and function = 'atelier.default_client(uuid)'::regprocedure);
my $client_tables = $node->ask('select count(*) from hostile.tables() where client is not null');
is($node->ask(q(select count(distinct b.name) from hostile.before b where b.owned)), $client_tables, "each of the $client_tables tables that name a client holds rows of both");
cmp_ok($node->ask(q(select count(*) from hostile.readings where alone ~ '^read: .')), '>', 15, 'views and tables show a session the rows of its own client');
none(qq(select x.role, x.relation from hostile.readings x, hostile.constants c where x.together ~ c.pattern and not ($engine)), 'S2-06: no view shows a row of the other client to a session that works for one');
none(q(select x.role, x.relation from hostile.readings x where x.role ~ '^app' and x.alone is distinct from x.together),
    'to an application every view and table reads as if there were no other client, counts included');
none(q(select x.role, x.relation from hostile.readings x where x.role = 'app without one' and x.alone <> 'read: ' and x.relation::text !~ '(_(vocabulary|types|classes|transitions)|[.]tiers)$'),
    'an application that has not said for whom it works reads nothing');
none(q(select x.role, x.relation, x.together from hostile.readings x where x.role = 'stranger'), 'to a role that is none of ours nothing can be read');

none(q(select name from hostile.functions() except select function from hostile.calls where role = 'app for a client'), 'every public function was called');
cmp_ok($node->ask(q(select count(*) from hostile.calls where known)), '>', 1000, 'with ids of the other client in every place for one');
cmp_ok($node->ask(q(select count(distinct function) from hostile.calls where role = 'app for a client' and state = 'answe')), '>', 20, 'many of them answer when they are asked for what is one\'s own');
for my $finding (
    [ 'names', 'S2-06: no answer and no refusal of a function names anything of the other client' ],
    [ 'hints', 'S2-06: what is said of an id of the other client is word for word what is said of one that never existed' ],
    [ 'changes', 'S2-06: no row of the other client is changed, added or taken away' ])
{
    none("select distinct function, role, argument, left(told, 600) from hostile.findings where kind = '$finding->[0]' and not ($operated) order by 1, 2, 3", $finding->[1]);
}
none(q(select distinct function, state from hostile.calls where role = 'stranger' and state <> '42501'), 'a role that is none of ours is refused by every function');

$node->stop;
done_testing();
