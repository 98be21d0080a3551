-- Two tenants with rows of every kind, made alike, for the tests that look from one at the other; read as a superuser, in
-- a database of its own. Schema hostile: make_client() makes one, fill_tables() sees to it that every table that names a
-- client has a row of it, ids_of() tells the ids by which its
-- rows would be known, rows_of() what is stored of it.

create schema hostile;

create table hostile.clients (name text primary key, client_id uuid not null, user_id uuid not null);

create function hostile.tables() returns table (name regclass, client text) language sql stable as $$
    select c.oid::regclass, (select a.attname::text from pg_attribute a
                              where a.attrelid = c.oid and a.attname = case c.oid when 'atelier.clients'::regclass then 'id' else 'client_id' end and not a.attisdropped)
      from pg_class c
     where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p') and not c.relispartition
     order by c.oid
$$;

create function hostile.settings() returns jsonb language sql immutable as $$
    select '{"roomType": "living_room", "style": "modern", "lighting": "natural", "colorScheme": "neutral", "cameraAngle": "eye_level", "aspectRatio": "1:1",
             "surroundings": "", "props": [], "varietyLevel": 5, "matchProductColors": false}'::jsonb
$$;

create function hostile.image(p_client uuid, p_name text, p_status text default 'ready') returns uuid language sql as $$
    insert into atelier.images (client_id, s3_key, status, width, height, file_size, mime_type, sha256, error_class, error_message)
    values (p_client, format('clients/%s/photos/%s.png', p_client, p_name), p_status, 640, 480, 1234, 'image/png', repeat('ab', 32),
            case p_status when 'failed' then 'invalid_output' end, case p_status when 'failed' then 'no picture' end)
    returning id
$$;

-- The tests play the worker: each order in hand is answered in one of three ways, or stays.
create function hostile.work(p_epoch bigint) returns bigint language plpgsql as $$
declare
    v_orders jsonb[];
begin
    select array_agg(l.order_text::jsonb order by l.attempt_id) into v_orders
      from (select array_agg(s.lane_id) as lanes, array_agg(s.tenant_id) as tenants, array_agg(s.priority) as priorities, array_agg(0::bigint) as marks, array_agg(100) as takes from atelier_internal.sweep() s) k,
           atelier_internal.lease(p_epoch, k.lanes, k.tenants, k.priorities, k.marks, k.takes, '{}', '{}') l
     where l.order_text is not null;
    perform atelier_internal.settle(p_epoch, (
        select jsonb_agg(jsonb_build_object('lease', o.body -> 'lease', 'sent', true, 'duration_ms', 5)
                         || case when o.number % 3 = 0 then jsonb_build_object('outcome', 'failed', 'error', jsonb_build_object('class', 'invalid_request', 'message', 'no such thing'))
                            else jsonb_build_object('outcome', 'completed', 'usage', '{"images": 1}'::jsonb, 'result',
                                jsonb_build_object('sha256', repeat('ab', 32), 'mime', 'image/png', 'width', 640, 'height', 480, 'size', 1234)
                                || case when o.body ->> 'action' = 'ai.image'
                                        then jsonb_build_object('object', jsonb_build_object('store', 'file', 'key', (o.body #>> '{request,output,key_prefix}') || '.png')) else '{}' end) end)
          from unnest(v_orders) with ordinality as o (body, number)
         where o.body ->> 'action' in ('ai.image', 'media.inspect') and o.number % 4 <> 1));
    return cardinality(v_orders);
end
$$;

create function hostile.make_client(p_name text) returns uuid language plpgsql as $$
declare
    v_client uuid := atelier.create_client(format('Studio %s', p_name), p_name);
    v_user uuid;
    v_product uuid;
    v_collection uuid;
    v_image uuid;
begin
    insert into atelier.users (email, name) values (p_name || '@studio.test', 'Owner of ' || p_name) returning id into v_user;
    insert into atelier.members (user_id, client_id, role, status) values (v_user, v_client, 'owner', 'active');
    insert into hostile.clients values (p_name, v_client, v_user);
    v_product := atelier.create_product(v_client, 'Chair of ' || p_name, 'CHAIR', 'seating', '{living_room}', '{"tags": ["oak"]}');
    v_image := hostile.image(v_client, 'chair');
    perform atelier.add_product_image(v_product, v_image);
    perform hostile.image(v_client, 'blurred', 'failed');
    insert into atelier.uploads (image_id, client_id, filename, content_type, size, expires_at)
    values (hostile.image(v_client, 'upload', 'pending'), v_client, 'upload.png', 'image/png', 1234, now() + interval '1 hour');
    perform atelier.create_collection(v_client, 'Draft of ' || p_name);
    -- As an analysis leaves it.
    insert into atelier.collections (client_id, name, status, selected_product_ids, product_analysis, own_settings, base_settings)
    values (v_client, 'Spring of ' || p_name, 'ready', array[v_product],
            jsonb_build_object('roomTypeDistribution', '{}'::jsonb, 'productTypes', '[]'::jsonb, 'dominantCategory', 'seating', 'suggestedStyles', '[]'::jsonb,
                'recommendedInspirationKeywords', '[]'::jsonb, 'analyzedAt', '2026-01-01T00:00:00.000Z', 'productRoomAssignments', jsonb_build_object(v_product, 'office')),
            hostile.settings() - 'roomType', hostile.settings() - 'roomType')
    returning id into v_collection;
    insert into atelier.inspiration_images (client_id, collection_id, image_id, source)
    values (v_client, v_collection, hostile.image(v_client, 'inspiration'), 'upload');
    perform atelier.create_generation_request(v_client, v_product, hostile.settings(), enqueue => false);
    for i in 1 .. 6 loop
        perform atelier.create_generation_request(v_client, v_product, hostile.settings(), collection_id => case when i = 6 then v_collection end);
    end loop;
    perform hostile.work((select e.epoch from atelier_internal.engine_state e));
    perform atelier.create_generation_request(v_client, v_product, hostile.settings());
    perform atelier.create_generation_request(v_client, v_product, hostile.settings(), run_after => now() + interval '1 hour');
    insert into atelier.generated_assets (client_id, product_id, image_id, status, progress, completed_at, settings, deleted_at)
    values (v_client, v_product, hostile.image(v_client, 'deleted'), 'completed', 100, now(), hostile.settings(), now() - interval '1 day');
    v_image := hostile.image(v_client, 'purged', 'deleting');
    insert into atelier_internal.object_deletions (store, key, image_id, reason, run_after)
    select 'file', i.s3_key, i.id, 'made by a test', now() + interval '1 hour' from atelier.images i where i.id = v_image;
    insert into atelier_internal.alerts (kind, message, hint) values ('client_assets:' || v_client, format('client %s has many assets', v_client), 'Raise the limit.');
    perform atelier.set_budget(5, client_id => v_client);
    insert into atelier_internal.reserves (attempt_id, job_id, client_id, provider, model, day, amount, currency, state)
    values (nextval('atelier_internal.attempt_sequence'), gen_random_uuid(), v_client, 'unknown', '', now()::date, 1, 'USD', 'kept');
    perform hostile.fill_tables(v_client);
    return v_client;
end
$$;

-- A value of a type, for a column about whose meaning nothing is known.
create function hostile.any_value(p_type regtype) returns text language sql stable as $$
    select case when p_type = 'uuid'::regtype then 'gen_random_uuid()'
                when p_type in ('json'::regtype, 'jsonb'::regtype) then format('''{}''::%s', p_type)
                when p_type in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'time'::regtype) then format('now()::%s', p_type)
                when p_type = 'interval'::regtype then '''1 day''::interval'
                when p_type = 'xid8'::regtype then 'pg_current_xact_id()'
                when (select t.typcategory from pg_type t where t.oid = p_type) = 'A' then format('''{}''::%s', p_type)
                when (select t.typcategory from pg_type t where t.oid = p_type) = 'B' then 'false'
                when (select t.typcategory from pg_type t where t.oid = p_type) = 'N' then format('1::%s', p_type)
                else format('''unknown''::%s', p_type) end
$$;

-- Every table that names a client and has no row of this one yet gets one, whatever its columns mean: so a new table is
-- looked at too. A rule that refuses such a row is given up; this database is for one test.
create function hostile.fill_tables(p_client uuid) returns void language plpgsql as $$
declare
    v_table record;
    v_found boolean;
    v_constraint text;
begin
    set local session_replication_role = replica;
    for v_table in
        select t.name, t.client,
               string_agg(quote_ident(a.attname), ', ') filter (where a.attname <> t.client and a.attidentity = '' and a.attgenerated = '') as columns,
               string_agg(hostile.any_value(a.atttypid::regtype), ', ') filter (where a.attname <> t.client and a.attidentity = '' and a.attgenerated = '') as contents
          from hostile.tables() t
          join pg_attribute a on a.attrelid = t.name and a.attnum > 0 and not a.attisdropped and (a.attnotnull or a.attname = t.client) and (not a.atthasdef or a.attname = t.client)
         where t.client is not null
         group by t.name, t.client
    loop
        execute format('select exists (select from %s where %I = $1)', v_table.name, v_table.client) into v_found using p_client;
        while not v_found loop
            begin
                execute format('insert into %s (%I%s) values ($1%s)', v_table.name, v_table.client, ', ' || v_table.columns, ', ' || v_table.contents) using p_client;
                v_found := true;
            exception when check_violation then
                get stacked diagnostics v_constraint = constraint_name;
                -- a row that no partition takes names none
                if v_constraint = '' then raise; end if;
                execute format('alter table %s drop constraint %I', v_table.name, v_constraint);
            end;
        end loop;
    end loop;
    set local session_replication_role = origin;
end
$$;

-- Every uuid that stands in the first column of a row of the client, or is the id of one of its jobs or users.
create function hostile.ids_of(p_name text) returns uuid[] language plpgsql as $$
declare
    v_client uuid := (select c.client_id from hostile.clients c where c.name = p_name);
    v_table record;
    v_some uuid[];
    v_ids uuid[] := array[v_client];
begin
    for v_table in
        select t.name, t.client, a.attname as id from hostile.tables() t
          join pg_attribute a on a.attrelid = t.name and a.attname in ('id', 'job_id', 'image_id', 'asset_id', 'entity_id', 'subject_id') and a.atttypid = 'uuid'::regtype
         where t.client is not null
    loop
        execute format('select array_agg(distinct %I) from %s where %I = $1', v_table.id, v_table.name, v_table.client) into v_some using v_client;
        v_ids := v_ids || v_some;
    end loop;
    return array(select distinct u.id from unnest(v_ids || array(select m.user_id from atelier.members m where m.client_id = v_client)) as u (id) where u.id is not null order by 1);
end
$$;

-- What is stored of the client: its rows (owned), and those that name one of its things where no client stands.
create function hostile.rows_of(p_client uuid, p_pattern text) returns table (name regclass, owned boolean, content text) language plpgsql as $$
declare
    v_table record;
begin
    for v_table in select * from hostile.tables() loop
        if v_table.client is null then
            return query execute format('select %L::regclass, false, t::text from %s t where t::text ~ $1', v_table.name, v_table.name) using p_pattern;
        else
            return query execute format('select %L::regclass, t.%I is not null, t::text from %s t where t.%2$I = $1 or t.%2$I is null and t::text ~ $2',
                                        v_table.name, v_table.client, v_table.name) using p_client, p_pattern;
        end if;
    end loop;
end
$$;

-- As if the client had never been.
create function hostile.forget(p_client uuid, p_pattern text) returns void language plpgsql as $$
declare
    v_table record;
begin
    set local session_replication_role = replica;
    for v_table in select * from hostile.tables() loop
        execute format('delete from %s t where %s t::text ~ $2', v_table.name, case when v_table.client is null then '$1 is null or' else format('t.%I = $1 or', v_table.client) end)
            using p_client, p_pattern;
    end loop;
    set local session_replication_role = origin;
end
$$;

-- The ids of one kind that stand in an argument of that name; of other names, those of every kind.
create function hostile.id_for(p_client uuid, p_argument text) returns uuid language sql stable as $$
    select case p_argument
        when 'client_id' then p_client
        when 'user_id' then (select m.user_id from atelier.members m where m.client_id = p_client order by m.created_at limit 1)
        when 'product_id' then (select p.id from atelier.products p where p.client_id = p_client order by p.created_at limit 1)
        when 'after' then (select p.id from atelier.products p where p.client_id = p_client order by p.created_at limit 1)
        when 'image_id' then (select i.id from atelier.images i where i.client_id = p_client and i.s3_key ~ 'chair' limit 1)
        when 'scene_image_id' then (select i.id from atelier.images i where i.client_id = p_client and i.s3_key ~ 'chair' limit 1)
        when 'collection_id' then (select c.id from atelier.collections c where c.client_id = p_client and c.status = 'ready' limit 1)
        when 'inspiration_id' then (select i.id from atelier.inspiration_images i where i.client_id = p_client limit 1)
        when 'job_id' then (select j.id from atelier_internal.jobs j where j.client_id = p_client limit 1)
        else (select a.id from atelier.generated_assets a where a.client_id = p_client and a.status = 'completed' and a.deleted_at is null order by a.id limit 1) end
$$;

-- A legal value for every argument of a function, by name or else by type, as SQL; null where only null comes to mind.
create function hostile.legal_value(p_client uuid, p_argument text, p_type regtype) returns text language sql stable as $$
    select case
        when p_type = 'uuid'::regtype then quote_nullable(hostile.id_for(p_client, p_argument)) || '::uuid'
        when p_type = 'uuid[]'::regtype then format('array[%L]::uuid[]', hostile.id_for(p_client, case when p_argument ~ 'inspiration' then 'inspiration_id' when p_argument ~ 'product' then 'product_id' end))
        when p_type = 'jsonb'::regtype then case p_argument
            when 'settings' then quote_literal(hostile.settings()) || '::jsonb'
            when 'requests' then format('jsonb_build_array(jsonb_build_object(''product_id'', %L, ''settings'', %L::jsonb))', hostile.id_for(p_client, 'product_id'), hostile.settings())
            when 'steps' then '''[{"name": "do", "action": "sql", "handler": "hostile.handler"}]''::jsonb'
            when 'inputs' then '''[1, {"a": 2}]''::jsonb'
            else '''{}''::jsonb' end
        when p_argument = 'enqueue' then 'true'
        when p_argument = 'start_by' then '(now() + interval ''2 hours'')'
        when p_type = 'text'::regtype then coalesce((select quote_literal(v.value) from (values
            ('provider', 'offline'), ('store', 'file'), ('key', format('clients/%s/photos/other.png', p_client)), ('content_type', 'image/png'), ('type', 'image'), ('status', null),
            ('role', 'member'), ('email', 'somebody@studio.test'), ('slug', 'somebody'), ('tier', 'free'), ('source', 'upload'), ('decision', 'retry'),
            ('filename', 'chair.png'), ('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'), ('sha256', repeat('ab', 32)), ('from', 'file'), ('to', 'file'), ('model', ''), ('pipeline', 'hostile_pipeline'), ('run_as', 'atelier_admin'), ('used_by', 'atelier_app')) as v (argument, value) where v.argument = p_argument and v.value is not null),
            case when p_argument = 'status' then 'null' else '''word''' end) || '::text'
        when p_type = 'interval'::regtype then '''10 minutes''::interval'
        when p_type = 'timestamptz'::regtype then '(now() + interval ''1 hour'')'
        else hostile.any_value(p_type) end
$$;

grant usage on schema hostile to atelier_app, atelier_admin;
create function hostile.handler(job jsonb) returns jsonb language sql immutable as $$ select '{}'::jsonb $$;
select atelier.define_pipeline('hostile_pipeline', '[{"name": "do", "action": "sql", "handler": "hostile.handler"}]', run_as => 'atelier_app');

-- Every public function with its arguments; output columns are none.
create function hostile.functions() returns table (oid oid, name regprocedure, call text, names text[], types regtype[], set_of boolean) language sql stable as $$
    select p.oid, p.oid::regprocedure, format('%I.%I', 'atelier', p.proname),
           array(select coalesce(p.proargnames[i], '') from generate_series(1, p.pronargs) i),
           array(select t::regtype from unnest(p.proargtypes::oid[]) with ordinality as u (t, n) order by n), p.proretset
      from pg_proc p
     where p.pronamespace = 'atelier'::regnamespace and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
     order by p.oid::regprocedure::text collate "C"
$$;

-- Begins to be somebody; undone with the subtransaction. Who is "with" a client works for it.
create function hostile.become(p_role text, p_client uuid, p_user uuid) returns void language plpgsql as $$
begin
    if p_client is not null then
        perform atelier_internal.enter_context(p_client, p_user, false);
    end if;
    execute format('set local role %I', p_role);
end
$$;
