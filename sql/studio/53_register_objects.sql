-- How an extension tells that rows of a table of its own hold objects. Both functions run as the script, which owns the table: they
-- grant on it and give it triggers.

create function atelier_internal.check_column(p_table regclass, p_parameter text, p_column text, p_types regtype[], p_not_null boolean) returns smallint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_column record;
begin
    select a.attnum, a.atttypid, a.attnotnull, a.attcollation into v_column from pg_attribute a
     where a.attrelid = p_table and a.attname = p_column and a.attnum > 0 and not a.attisdropped;
    if not found then
        raise exception 'table % has no column "%"', p_table, left(p_column, 63)
            using errcode = 'undefined_column', hint = format('Name the column in the parameter %s.', p_parameter);
    elsif v_column.atttypid <> all (p_types) or p_not_null and not v_column.attnotnull then
        raise exception 'column "%" of table % is not fit for %', p_column, p_table, p_parameter
            using errcode = 'invalid_parameter_value',
                  hint = format('It has to be %s%s.', array_to_string(p_types, ' or '), case when p_not_null then ' NOT NULL' else '' end);
    elsif p_parameter = 'key' and v_column.attcollation <> 'pg_catalog."C"'::regcollation then
        raise exception 'column "%" of table % is not fit for key', p_column, p_table
            using errcode = 'invalid_parameter_value', detail = 'Stores order keys by their bytes.', hint = 'It has to be text COLLATE "C".';
    end if;
    return v_column.attnum;
end
$$;
comment on function atelier_internal.check_column(regclass, text, text, regtype[], boolean) is
    'Number of a column; 42703 when there is none of the name, 22023 for one of another type, or that may be null where it must not.';

create function atelier_internal.check_holder(p_table regclass, p_extension text, p_place smallint[]) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not atelier_internal.belongs_to_extension('pg_class', p_table, p_extension) then
        raise exception 'table % is none of extension "%"', p_table, p_extension
            using errcode = 'object_not_in_prerequisite_state', detail = 'When a dump is restored it would not be there yet.',
                  hint = 'Create it in the script of the extension, and have its rows dumped by pg_extension_config_dump().';
    elsif not exists (
        select from pg_class c where c.oid = p_table and c.relkind = 'r' and c.relpersistence = 'p' and not c.relispartition and not c.relhassubclass
                                 and not c.relrowsecurity)
    then
        raise exception '% is not an ordinary table', p_table
            using errcode = 'wrong_object_type', hint = 'Rows of a logged table without partitions, children and row-level security can hold objects.';
    elsif not exists (
        select from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
         where i.indrelid = p_table and i.indisvalid and i.indpred is null and m.amname = 'btree'
           and (string_to_array(i.indkey::text, ' ')::smallint[])[:cardinality(p_place)] = p_place
           and (string_to_array(i.indcollation::text, ' ')::oid[])[cardinality(p_place)] = 'pg_catalog."C"'::regcollation)
    then
        raise exception 'table % has no index by which its objects are found', p_table
            using errcode = 'object_not_in_prerequisite_state', detail = 'It is looked into for each object that is deleted.',
                  hint = format('CREATE INDEX ON %s (%s);', p_table, (
                      select string_agg(quote_ident(a.attname), ', ' order by u.n) from unnest(p_place) with ordinality as u (attnum, n)
                        join pg_attribute a on a.attrelid = p_table and a.attnum = u.attnum));
    end if;
end
$$;
comment on function atelier_internal.check_holder(regclass, text, smallint[]) is
    'Raises 55000 or 42809 for a table whose rows cannot hold objects: it is none of the extension, not an ordinary one, or has no index that begins with these columns.';

create function atelier.register_stored_objects("table" regclass, key text default 'key', store text default 'store', bucket text default null,
                                                size text default null, client_id text default null, created_at text default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_extension text := atelier_internal.registering_extension();
    v_place smallint[];
    v_trigger record;
begin
    perform atelier_internal.require('table', "table" is not null);
    perform atelier_internal.require('key', key is not null);
    perform atelier_internal.require('store', store is not null);
    v_place := array[atelier_internal.check_column("table", 'store', store, array['text'::regtype], true)];
    if bucket is not null then
        v_place := v_place || atelier_internal.check_column("table", 'bucket', bucket, array['text'::regtype], true);
    end if;
    v_place := v_place || atelier_internal.check_column("table", 'key', key, array['text'::regtype], false);
    perform atelier_internal.check_column("table", c.parameter, c.name, c.types, false)
       from (values ('size', size, array['bigint'::regtype, 'integer'::regtype]), ('client_id', client_id, array['uuid'::regtype]),
                    ('created_at', created_at, array['timestamptz'::regtype])) as c (parameter, name, types)
      where c.name is not null;
    perform atelier_internal.check_holder("table", v_extension, v_place);

    delete from atelier_internal.stored_objects s
     where s.holder = "table" or not atelier_internal.belongs_to_extension('pg_class', s.holder, s.extension);
    insert into atelier_internal.stored_objects (holder, extension, key_column, store_column, bucket_column, size_column, client_column, created_column)
    values ("table", v_extension, key, store, bucket, size, client_id, created_at);
    execute format('grant usage on schema %I to atelier_owner', (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = "table"));
    execute format('grant select, delete on %s to atelier_owner', "table");
    for v_trigger in
        select * from (values ('atelier_object_added', 'insert', 'new table as added'), ('atelier_object_changed', 'update', 'old table as removed new table as added'),
                              ('atelier_object_removed', 'delete', 'old table as removed')) as t (name, event, tables)
    loop
        execute format('create or replace trigger %I after %s on %s referencing %s for each statement execute function atelier_internal.follow_stored_objects()',
                       v_trigger.name, v_trigger.event, "table", v_trigger.tables);
    end loop;
end
$$;
comment on function atelier.register_stored_objects(regclass, text, text, text, text, text, text) is
    'Tells, in the script of an extension, that each row of a table of it holds an object: the parameters name its columns, key (text COLLATE "C"), store (text NOT NULL), bucket (text NOT NULL; null: all in stores without buckets), size (bigint), client_id (uuid) and created_at (timestamptz). From then on what a row holds is not deleted, is no stray of fsck(), counts in storage_usage, and is queued for deletion when its row is deleted or names another object; with client_id erase_client() deletes the rows, with created_at fsck() also finds rows of the last day and older whose object is missing. While the extension is not installed none of that counts. TRUNCATE is not noticed. 42703 and 22023 for columns that are not fit, 42809 for what is no ordinary table, 55000 for a table of somebody else or without an index on store, bucket and key, and outside the script of an extension that requires pg_atelier; 42501 unless the script runs as a superuser.';

create function atelier.unregister_stored_objects("table" regclass) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_extension text := atelier_internal.registering_extension();
    v_trigger record;
begin
    delete from atelier_internal.stored_objects s where s.holder = "table" and s.extension = v_extension;
    if not found then
        return false;
    end if;
    for v_trigger in
        select t.tgname from pg_trigger t where t.tgrelid = "table" and t.tgfoid = 'atelier_internal.follow_stored_objects()'::regprocedure
    loop
        execute format('drop trigger %I on %s', v_trigger.tgname, "table");
    end loop;
    return true;
end
$$;
comment on function atelier.unregister_stored_objects(regclass) is
    'The rows of a table that the extension registered earlier hold no objects any more, for the update script of a version that does without it; false when it registered none. 55000 outside the script of an extension, 42501 unless that runs as a superuser.';
