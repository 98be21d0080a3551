# Hostile SQL. Every free text of one tenant holds a canary; 10,000 statements drawn at random, of the kinds that are known
# to leak past row-level security, are run by an application that works for another tenant. Nothing that comes back, be it
# a row, a notice, an error, a plan or a notification, may hold a canary or an id of the first one.
# ATELIER_SEED repeats a run.
use strict;
use warnings;
use Atelier;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{ATELIER_SEED} // int(time) % 1_000_000;
my $statements = 10_000;
my $connections = 4;
diag("seed $seed (ATELIER_SEED)");

my $node = Atelier->start_cluster('canaries', preload => 0, settings => { fsync => 'off' });
my $support = abs_path(dirname(__FILE__) . '/../support');

sub run
{
    my ($sql) = @_;
    my ($status, $out, $error) = $node->psql($Atelier::DATABASE, $sql, on_error_stop => 1, extra_params => ['-1']);
    die $error if $status != 0;
    return $out;
}

# Each text, list and document of the other tenant's rows gets a canary as far as a rule of the table lets it; as the superuser
# does it, no trigger runs.
run(<<"SQL" . <<'SQL');
\\i $support/two_clients.sql
SQL
select null from atelier_internal.begin_incarnation(4711, 1);
select hostile.make_client('own');
select hostile.make_client('other');
create table hostile.canaries (word text, name regclass, content text);
create function hostile.plant() returns void language plpgsql as $$
declare
    v_other uuid := (select c.client_id from hostile.clients c where c.name = 'other');
    v_pattern text := (select string_agg(u.id::text, '|') from unnest(hostile.ids_of('other')) as u (id)) || '|other@';
    v_column record;
    v_row tid;
    v_word text;
    v_form text;
    v_planted boolean;
    v_number integer := 0;
begin
    set local session_replication_role = replica;
    for v_column in
        select t.name, t.client, a.attname as column, a.atttypid::regtype as type,
               case when t.client is null then 't::text ~ $2' else format('t.%I = $1', t.client) end as condition
          from hostile.tables() t
          join pg_attribute a on a.attrelid = t.name and a.attnum > 0 and not a.attisdropped and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype)
         order by t.name, a.attnum
    loop
        for i in 1 .. 12 loop
            -- An updated row moves to the end, so that the first one that has none is the next.
            execute format('select t.ctid from %s t where %s and coalesce(t.%I::text, '''') !~ ''[Cc]anary'' and not exists (select from hostile.canaries c where c.name = %L and c.content = %L || t.ctid) limit 1',
                           v_column.name, v_column.condition, v_column.column, v_column.name::oid, v_column.column) into v_row using v_other, v_pattern;
            exit when v_row is null;
            v_word := format('canary%sx%s', to_char(v_number, 'FM0000'), substr(md5(random()::text), 1, 6));
            v_planted := false;
            foreach v_form in array case v_column.type when 'text'::regtype then array['%L', '%L || ''-'' || md5(random()::text)', 'coalesce(%2$I, '''') || %1$L', '''clients/'' || %3$L || ''/'' || %1$L', '%L || ''@studio.test''']
                                                       when 'text[]'::regtype then array['array[%L]']
                                                       else array['coalesce(%2$I, ''{}'') || jsonb_build_object(''altText'', %1$L)', 'coalesce(%2$I, ''{}'') || jsonb_build_object(''surroundings'', %1$L)',
                                                                  'coalesce(%2$I, ''{}'') || jsonb_build_object(''brandColors'', jsonb_build_array(%1$L))', 'coalesce(%2$I, ''{}'') || jsonb_build_object(%1$L, 1)'] end
            loop
                begin
                    execute format('update %s t set %I = ' || format(v_form, v_word, v_column.column, v_other) || ' where t.ctid = $1', v_column.name, v_column.column) using v_row;
                    v_planted := true;
                    v_number := v_number + 1;
                    insert into hostile.canaries values (v_word, v_column.name, v_column.column);
                    exit;
                exception when check_violation or unique_violation or foreign_key_violation or not_null_violation or invalid_parameter_value then
                    null;
                end;
            end loop;
            exit when not v_planted;
        end loop;
    end loop;
    set local session_replication_role = origin;
end
$$;
select hostile.plant();
SQL
$node->ask('analyze');

my $planted = $node->ask('select count(*) from hostile.canaries');
cmp_ok($planted, '>=', 100, 'canaries are planted');
diag("$planted canaries");
cmp_ok($node->ask(q(select count(distinct name) from hostile.canaries)), '>=', 15, 'in most tables');

# The attacker: somebody who may log in, with the role of applications and a schema of their own.
my $own = $node->ask(q(select client_id from hostile.clients where name = 'own'));
my $own_user = $node->ask(q(select user_id from hostile.clients where name = 'own'));
my $other = $node->ask(q(select client_id from hostile.clients where name = 'other'));
my $other_user = $node->ask(q(select user_id from hostile.clients where name = 'other'));
$node->ask(<<'SQL');
create role attacker login in role atelier_app;
create schema attack authorization attacker;
revoke all on schema hostile from public;
set session authorization attacker;
create function attack.leak(text) returns boolean language plpgsql cost 0.0000000001 as $$ begin raise notice 'leak %', $1; return true; end $$;
create function attack.leak(anyelement) returns boolean language plpgsql cost 0.0000000001 as $$ begin raise notice 'leak %', $1; return true; end $$;
create function attack.leak(text, text) returns boolean language plpgsql cost 0.0000000001 as $$ begin raise notice 'leak % %', $1, $2; return $1 < $2; end $$;
create function attack.crash(text) returns integer language sql immutable as $$ select ('x' || $1)::integer $$;
create function attack.stable(text) returns boolean language plpgsql stable parallel safe cost 0.0000000001 as $$ begin raise warning 'leak %', $1; return false; end $$;
create operator attack.<<< (leftarg = text, rightarg = text, procedure = attack.leak, restrict = scalarltsel);
create operator attack.!!! (rightarg = text, procedure = attack.stable);
create aggregate attack.all_of (text) (sfunc = textcat, stype = text, initcond = '');
SQL

# What the attacker knows: the client, its user and some of its things by id. Of the rest nothing is known, and must not be.
my @known = ($other, $other_user, split(/\n/, $node->ask(qq(select hostile.id_for('$other', n) from unnest('{product_id,image_id,collection_id,inspiration_id,job_id,asset_id}'::text[]) n))));
my %known = map { $_ => 1 } @known;
my @secret = grep { !$known{$_} } split /\n/, $node->ask(q(select u.id from unnest(hostile.ids_of('other')) as u (id)));
push @secret, split(/\n/, $node->ask('select word from hostile.canaries'));

# What there is to ask, from the catalog: columns that applications may read, and functions that they may call.
my (%columns, @relations);
for (split /\n/, $node->ask(<<'SQL'))
select format('%s|%I|%s', c.oid::regclass, a.attname, a.atttypid::regtype) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p', 'v') and has_column_privilege('attacker', c.oid, a.attnum, 'select')
   and has_schema_privilege('attacker', c.relnamespace, 'usage')
 order by 1
SQL
{
    my ($relation, $column) = split /\|/;
    push @relations, $relation unless $columns{$relation};
    push @{ $columns{$relation} }, $column;
}
my @others = split /\n/, $node->ask(q(select t.name from hostile.tables() t union all select c.oid::regclass from pg_class c where relnamespace = 'atelier'::regnamespace and relkind = 'v'));
my @functions = map { [ split /\|/, $_, -1 ] } split /\n/, $node->ask(<<'SQL');
select concat_ws('|', f.call, array_to_string(f.types, ','), array_to_string(array(select hostile.legal_value((select client_id from hostile.clients where name = 'own'), a.name, a.type) from unnest(f.names, f.types) with ordinality as a (name, type, n) order by a.n), '~'))
  from hostile.functions() f where has_function_privilege('attacker', f.oid, 'execute')
SQL
my @partitions = split /\n/, $node->ask(q(select c.oid::regclass from pg_class c where c.relispartition and c.relkind = 'r' and c.relnamespace = 'atelier_internal'::regnamespace order by random() limit 20));
my @settings = split /\n/, $node->ask(q(select name from pg_settings where name ~ '^pg_atelier'));
cmp_ok(scalar @relations, '>=', 10, 'there are relations to read');
cmp_ok(scalar @functions, '>=', 30, 'there are functions to call');

srand($seed);
sub any { return $_[ int rand @_ ] }
sub relation { return any(@relations) }
sub column { my ($relation) = @_; return any(@{ $columns{$relation} }) }
sub id { return any(@known, "$own") }

# A condition over t, most of them made to run before the policy's own.
sub condition
{
    my ($r) = @_;
    my $c = 't.' . column($r);
    return any(
        "attack.leak($c\::text)", "attack.leak(t::text)", "attack.leak(t)", "attack.stable($c\::text)", "operator(attack.!!!) $c\::text", "$c\::text operator(attack.<<<) 'm'",
        "$c\::text::integer = 1", "attack.crash($c\::text) = 1", "('x' || $c\::text)::uuid is null", "($c\::text || '/0')::numeric > 0", "$c\::text ~ ('(' || $c\::text)",
        "1 / (length($c\::text) * 0) = 1", "$c\::text ~ 'canary'", "$c\::text like '%canary%'", "$c\::text > 'canary'", "$c is not null or attack.leak($c\::text)",
        "not attack.stable(t::text)", "case when attack.leak($c\::text) then true else attack.leak(t::text) end", "(select attack.leak($c\::text))",
        "exists (select from " . relation() . " u where attack.leak(u::text) and attack.leak($c\::text))", "$c\::text = any (array(select u::text from " . relation() . " u where attack.leak(u::text)))",
        "to_jsonb(t)::text::xml is document", "cast(row_to_json(t)::text as timestamptz) > now()", "'" . id() . "' = $c\::text", "set_config('attack.found', t::text, false) is null", "coalesce($c\::text, '')::inet is null");
}

sub from_where
{
    my $r = relation();
    my $s = relation();
    return any("from $r t where " . condition($r), "from $r t where " . condition($r) . ' and ' . condition($r), "from $r t where " . condition($r) . ' or ' . condition($r),
        "from $r t join lateral (select u.* from $s u where attack.leak(u::text) limit 5) u on " . condition($r), "from only $r t where " . condition($r),
        "from (select * from $r offset 0) t where " . condition($r), "from $r t left join $s u on attack.leak(u::text, t::text) where " . condition($r),
        "from $r t tablesample system (100) where " . condition($r), "from $r t where t.ctid is not null and " . condition($r));
}

sub query
{
    my $r = relation();
    my $c = column($r);
    return any(
        'select * ' . from_where(), 'select count(*) ' . from_where(), 'select t::text ' . from_where(), 'select attack.all_of(t::text) ' . from_where(), 'select string_agg(t::text, chr(10)) ' . from_where(),
        'select t.*, lag(t::text) over () ' . from_where(), 'select distinct t::text ' . from_where(), 'with t as materialized (select * ' . "from $r) select * from t where " . condition($r),
        "select * from $r t order by attack.crash($c\::text)", "select $c, count(*) from $r t group by $c having attack.leak($c\::text)", "select * from $r t union select * from $r t where attack.leak(t::text)",
        "select max($c\::text), min($c\::text) from $r", "select * from $r t except select * from $r t where attack.stable(t::text)", "table $r",
        'select xmlforest(t) ' . from_where(), "select query_to_xml('select * from $r', true, false, '')", "select table_to_xml('$r', true, false, '')", "select jsonb_agg(t) from $r t",
        "select * from $r t for update", "select * from $r t for share skip locked", "with recursive w as (select t::text as x from $r t union select x from w where attack.leak(x)) select * from w limit 50");
}

# The direct way: what no application was granted.
sub trespass
{
    my $r = any(@others, @partitions);
    return any("select * from $r", "select t from $r t", "table $r", "copy $r to stdout", "copy (select * from $r) to stdout", "select count(*) from $r", "lock table $r in access share mode",
        "select pg_relation_size('$r'), pg_relation_filepath('$r')", "insert into $r default values", "delete from $r", "truncate $r", "update $r set ctid = ctid", "alter table $r disable row level security",
        "alter table $r no force row level security", "create policy mine on $r using (true)", "drop policy own_client on $r", "grant all on $r to attacker", "create trigger mine after insert on $r execute function attack.leak()",
        "create rule mine as on select to $r do instead select 1", "select * from pg_stats where tablename = split_part('$r', '.', 2)", "select * from pg_statistic where starelid = '$r'::regclass",
        "select has_table_privilege('$r', 'select'), pg_get_viewdef('$r'::regclass)", "create table attack.heir () inherits ($r)", "create table attack.twin (like $r including all)", "analyze verbose $r", "vacuum $r", "reindex table $r", "cluster $r",
        "create statistics attack.s on id, client_id from $r", "create index on $r (id)", "alter table $r owner to attacker", "comment on table $r is 'mine'", "merge into $r t using (values (1)) v on true when matched then do nothing",
        "select pgstattuple('$r')", "select lo_import('/etc/passwd')", "copy attack.loot from program 'id'", "select pg_read_file('base/1/1259')", "select dblink('dbname=atelier', 'table $r')");
}

sub call
{
    my ($name, $types, $legal) = @{ any(@functions) };
    my @types = split /,/, $types;
    my @values = split /~/, $legal;
    for my $i (0 .. $#types)
    {
        next if rand() < 0.3;
        my $r = relation();
        my $c = column($r);
        $values[$i] = $types[$i] eq 'uuid' ? any("'" . id() . "'", "'" . id() . "'", "(select $c\::text::uuid from $r limit 1)", 'null')
          : $types[$i] eq 'uuid[]' ? any("array['" . id() . "', '" . id() . "']::uuid[]", "'{}'")
          : $types[$i] eq 'text' ? any("'clients/" . id() . "/photos/chair.png'", "'other'", "'other\@studio.test'", "'" . id() . "'", "'client_assets:" . id() . "'", "(select $c\::text from $r t where attack.leak(t::text) limit 1)", "''' or true --'", 'null')
          : $types[$i] eq 'jsonb' ? any("jsonb_build_object('sceneImageId', '" . id() . "', 'roomType', '" . id() . "')", "(select to_jsonb(t) from $r t limit 1)", "'{}'")
          : $values[$i];
        $values[$i] = "$values[$i]::$types[$i]" if $types[$i] =~ /^(uuid|text|jsonb|uuid\[\])$/;
    }
    my $call = "$name(" . join(', ', @values) . ')';
    return any("select * from $call", "select * from $call", "select attack.leak(x::text) from $call x", "explain (analyze, verbose) select * from $call", "do \$\$ begin perform * from $call; exception when others then raise notice '% %', sqlerrm, sqlstate; end \$\$");
}

# Attempts to be somebody else, or to see with other eyes. The transaction goes on; where it cannot, the next one begins anew.
sub escape
{
    my $r = relation();
    my $role = any(qw(atelier_owner atelier_admin atelier_observer postgres none attacker atelier_app));
    return any("set role $role", "set local role $role", 'reset role', "set session authorization $role", 'set session authorization default', 'reset all', 'discard all', 'discard plans', 'reset session authorization',
        'set row_security = off', 'set local row_security = off', 'reset row_security', "set " . any(@settings) . " = '" . id() . "'", "select set_config('" . any(@settings, 'pg_atelier.client_id', 'atelier.client_id', 'role', 'session_authorization', 'row_security', 'is_superuser') . "', '" . any(id(), $role, 'off', 'on') . "', " . any('true', 'false') . ')',
        "set session_replication_role = replica", "set local search_path = attack, pg_temp", "set allow_system_table_mods = on", "set local enable_seqscan = off", "set local force_parallel_mode = on", "set local plan_cache_mode = force_generic_plan", "set local client_min_messages = debug5", "set debug_print_plan = on", "set local jit_above_cost = 0", 'set default_statistics_target = 10000', "set local from_collapse_limit = 1",
        "select atelier.set_context('$other_user')", "select atelier.set_context('$other_user', '$other')", "select atelier.set_context('$own_user', '$other')", "select atelier.set_context(null, '$other')", "select atelier.set_context(client_id => '$other')", "select atelier_internal.enter_context('$other', null, false)", "select atelier_internal.sees_all_clients(), atelier_internal.is_operator()",
        "create function attack.current_client_id() returns uuid language sql as \$\$ select '$other'::uuid \$\$", "create or replace function attack.leak(text) returns boolean language plpgsql cost 0.0000000001 security definer as \$\$ begin raise notice 'leak %', \$1; return true; end \$\$",
        "alter role attacker bypassrls", "grant atelier_owner to attacker", "alter function atelier.current_client_id() owner to attacker", "create or replace function atelier.current_client_id() returns uuid language sql as \$\$ select '$other'::uuid \$\$", "alter default privileges grant all on tables to attacker", "load 'pg_atelier'",
        "create function attack.mine(uuid, uuid, boolean) returns void language c as 'pg_atelier', 'atelier_enter_context'", "reassign owned by atelier_owner to attacker", "set transaction isolation level serializable", "set transaction snapshot '00000003-0000001B-1'", 'savepoint mine', 'rollback to mine');
}

sub look_around
{
    my $r = relation();
    return any('select * from pg_stat_activity', 'select * from pg_locks', 'select * from pg_prepared_statements', 'select * from pg_cursors', 'select * from pg_stats', 'select * from pg_stats_ext', 'select * from pg_stats_ext_exprs', 'select * from pg_policies', 'select * from pg_stat_user_tables',
        "select * from information_schema." . any(qw(columns tables views routines column_privileges triggers table_constraints check_constraints enabled_roles)) . ' limit 300', 'select * from pg_largeobject limit 10', 'select most_common_vals from pg_stats where schemaname ~ \'atelier\'', 'select pg_get_functiondef(oid) from pg_proc where pronamespace = \'atelier_internal\'::regnamespace limit 20',
        "listen " . any('atelier_events', '"%"', '"*"', "\"$other\"", 'atelier'), 'select * from pg_listening_channels()', "notify atelier_events, 'mine'", 'unlisten *', 'select * from pg_stat_progress_copy', 'select * from pg_authid', 'select * from pg_user_mappings', 'select * from pg_hba_file_rules', 'select current_setting(\'attack.found\', true)', "select row_security_active('$r'), current_user, session_user",
        'select * from pg_stat_statements', 'select * from pg_show_all_settings() where name ~ \'atelier\'', 'select pg_export_snapshot()', 'select * from pg_stat_xact_user_functions', 'select * from pg_replication_slots', "select pg_current_logfile(), pg_ls_dir('.')", 'select txid_current(), pg_current_snapshot()', 'select * from pg_event_trigger_ddl_commands()');
}

my $made = 0;
sub make_thing
{
    my $r = relation();
    my $name = 'thing' . ++$made;
    my $query = query();
    return any("create temp view $name as $query ;; select * from $name t where attack.leak(t::text)", "create view attack.$name as $query ;; table attack.$name", "create view attack.$name with (security_invoker) as select * from $r ;; select * from attack.$name t where " . condition($r), "create temp table $name as $query ;; table $name",
        "create materialized view attack.$name as select t::text as x from $r t ;; refresh materialized view attack.$name ;; table attack.$name", "prepare $name as $query ;; execute $name ;; explain (analyze, verbose) execute $name", "declare $name cursor with hold for $query ;; fetch all $name ;; close $name", "declare $name scroll cursor for select * from $r t where attack.leak(t::text) ;; fetch all $name ;; move backward all $name ;; fetch all $name",
        "create function attack.$name() returns setof text language sql security definer as \$\$ select t::text from $r t where attack.leak(t::text) \$\$ ;; select * from attack.$name()", "create function attack.$name() returns setof text language plpgsql stable as \$\$ declare x record; begin for x in $query loop raise notice '%', x; return next x::text; end loop; end \$\$ ;; select * from attack.$name()",
        "do \$\$ declare x record; begin for x in $query loop raise notice '%', x; end loop; exception when others then raise notice '% %', sqlerrm, sqlstate; end \$\$", "do \$\$ begin execute 'reset role'; perform set_config('role', 'atelier_owner', true); perform t::text from $r t where attack.leak(t::text); end \$\$",
        "create table attack.$name as select t::text as x from $r t ;; create index on attack.$name (attack.crash(x)) ;; table attack.$name", "create temp table $name (x text check (attack.leak(x))) ;; insert into $name select t::text from $r t", "create table attack.$name (id uuid references $r) ;; insert into attack.$name values ('" . id() . "')", "create table attack.$name (client_id uuid, id uuid) ;; insert into attack.$name values ('$other', '" . id() . "') ;; alter table attack.$name add foreign key (client_id, id) references $r (client_id, id)");
}

sub write_thing
{
    my $r = any(grep { !/view|overview|assets$|history|queue/ } @relations);
    my $c = column($r);
    return any("update $r t set $c = $c where attack.leak(t::text) returning *", "delete from $r t where attack.leak(t::text) returning *", "insert into $r select * from $r t where attack.leak(t::text) returning *", "insert into $r (client_id) values ('$other') returning *", "insert into $r (id, client_id) values ('" . id() . "', '$own') on conflict (id) do update set id = excluded.id returning *",
        "copy (delete from $r t returning *) to stdout", "merge into $r t using (select 1) u on attack.leak(t::text) when matched then delete", "update $r t set client_id = '$own' where t.client_id = '$other' returning *", "update $r t set $c = u.$c from $r u where attack.leak(u::text) returning u.*");
}

sub statement
{
    my $kind = rand;
    return $kind < 0.34 ? query()
      : $kind < 0.42 ? any('explain ', 'explain (verbose) ', 'explain (analyze, verbose, buffers) ', 'explain (analyze, verbose, format json, timing off) ', 'explain (analyze, settings, wal, costs off) ') . query()
      : $kind < 0.46 ? 'copy (' . query() . ') to stdout' . any('', ' (format csv, header)', ' (format binary)')
      : $kind < 0.66 ? call()
      : $kind < 0.76 ? trespass()
      : $kind < 0.82 ? escape()
      : $kind < 0.87 ? look_around()
      : $kind < 0.94 ? make_thing()
      : write_thing();
}

# A transaction of up to 25 statements, each behind a savepoint of psql's own.
my $directory = tempdir(CLEANUP => 1);
my $count = 0;
my (%kinds, @files);
for my $n (1 .. $connections)
{
    my $file = "$directory/attack$n.sql";
    open my $out, '>:utf8', $file or die "$file: $!";
    print $out "\\set ON_ERROR_ROLLBACK on\n\\set VERBOSITY verbose\n\\set SHOW_CONTEXT always\n\\pset pager off\nset statement_timeout = '5s';\n";
    while ($count < $statements * $n / $connections)
    {
        # Without its client a transaction does nothing: to name somebody else's user is what an application is trusted not to do.
        print $out "\\set ON_ERROR_ROLLBACK off\nbegin;\nselect atelier.set_context('$own_user');\n\\set ON_ERROR_ROLLBACK on\n";
        my $end = any('commit', 'rollback', 'rollback');
        for my $statement (map { split / ;; /, statement() } 1 .. 25)
        {
            # The number tells which statement an answer belongs to.
            print $out "\\echo #$count\n$statement;\n";
            $end = 'rollback' if $statement =~ /member|invit/;
            $count++;
        }
        # With and without the client, and with a role that went away.
        print $out $end, ";\nreset session authorization;\nreset row_security;\nset statement_timeout = '5s';\n", any('', '', query() . ";\n", call() . ";\n");
    }
    close $out;
    push @files, $file;
}

my $started = time;
my @running = map {
    my $file = $_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0)
    {
        open STDOUT, '>', "$file.out" or die $!;
        open STDERR, '>&', \*STDOUT or die $!;
        exec 'psql', '-XAt', '-d', $node->connstr($Atelier::DATABASE), '-U', 'attacker', '-f', $file or die $!;
    }
    $pid;
} @files;
my @status = map { waitpid $_, 0; $? } @running;
my $took = time - $started;
is("@status", join(' ', (0) x $connections), 'every connection comes to its end');
cmp_ok($count, '>=', $statements, "$statements hostile statements were run");
cmp_ok($took, '<', 60, 'within 60 s');

my $secret = join '|', map { quotemeta } @secret;
my $pattern = qr/($secret)/;
my (@found, $answers, $errors, $own_rows, %hit);
for my $file (@files)
{
    open my $in, '<:raw', "$file.out" or die "$file.out: $!";
    my $number = '?';
    while (my $line = <$in>)
    {
        if ($line =~ /^#(\d+)$/) { $number = $1; next }
        $errors++ if $line =~ /ERROR:  /;
        $answers++ if $line !~ /ERROR|LOCATION|CONTEXT|DETAIL|HINT|LINE/;
        $own_rows++ if index($line, $own) >= 0;
        push @found, "statement $number: " . substr($line, 0, 300) if $line =~ $pattern && !$hit{"$number $1"}++;
    }
}
diag(sprintf '%d statements in %.1f s, %d lines of answers, %d errors, %d lines that name the attacker\'s own client', $count, $took, $answers, $errors, $own_rows);
cmp_ok($own_rows, '>', 1000, 'the statements do show the rows of the attacker\'s own client');
cmp_ok($errors, '>', 1000, 'and many are refused');
cmp_ok($errors, '<', $count * 0.8, 'but most mean something');
is(scalar @found, 0, 'S2-16: no canary and no unknown id of the other client comes back') or diag(join '', splice @found, 0, 12);

$node->stop;
done_testing();
