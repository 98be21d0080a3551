-- The studio's tables, constraints, indexes and comments are what the data model asks for (S0).
begin;
\ir include/studio.psql
select no_plan();

create function pg_temp.columns_of(p_table text) returns table (column_name text, type text, required boolean, fallback text)
language sql as $$
    select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
      from pg_attribute a
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = p_table::regclass and a.attnum > 0 and not a.attisdropped
$$;

select set_eq($$ select * from pg_temp.columns_of('atelier.clients') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'),
    ('name', 'text', true, null), ('slug', 'text', true, null),
    ('settings', 'jsonb', true, '''{}''::jsonb'),
    ('tier', 'text', true, '''free''::text'), ('daily_generations', 'integer', false, null), ('legal_hold', 'text', false, null),
    ('created_at', 'timestamp with time zone', true, 'now()'),
    ('updated_at', 'timestamp with time zone', true, 'now()') $$, 'S0-31, S2-62: columns of clients');
select set_eq($$ select * from pg_temp.columns_of('atelier.users') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'),
    ('email', 'text', true, null), ('name', 'text', true, null),
    ('email_verified', 'boolean', true, 'false'),
    ('created_at', 'timestamp with time zone', true, 'now()') $$, 'S0-33: columns of users');
select set_eq($$ select * from pg_temp.columns_of('atelier.members') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'),
    ('user_id', 'uuid', true, null), ('client_id', 'uuid', true, null),
    ('role', 'text', true, '''member''::text'), ('status', 'text', true, '''invited''::text'),
    ('created_at', 'timestamp with time zone', true, 'now()'), ('invited_email', 'text', false, null) $$, 'S0-34: columns of members');
select set_eq($$ select * from pg_temp.columns_of('atelier.products') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'), ('client_id', 'uuid', true, null),
    ('name', 'text', true, null), ('sku', 'text', true, null), ('category', 'text', true, null),
    ('room_types', 'text[]', true, '''{}''::text[]'), ('metadata', 'jsonb', false, null),
    ('created_at', 'timestamp with time zone', true, 'now()'),
    ('updated_at', 'timestamp with time zone', true, 'now()') $$, 'S0-35: columns of products');
select set_eq($$ select * from pg_temp.columns_of('atelier.product_images') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'), ('client_id', 'uuid', true, null),
    ('product_id', 'uuid', true, null), ('image_id', 'uuid', true, null),
    ('is_primary', 'boolean', true, 'false'), ('display_order', 'integer', true, '0') $$, 'S0-37: columns of product_images');
select set_eq($$ select * from pg_temp.columns_of('atelier.images') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'), ('client_id', 'uuid', true, null),
    ('store', 'text', true, '''file''::text'), ('s3_bucket', 'text', true, '''''::text'), ('s3_key', 'text', true, null),
    ('url', 'text', false, null), ('status', 'text', true, '''pending''::text'),
    ('width', 'integer', false, null), ('height', 'integer', false, null), ('file_size', 'bigint', false, null),
    ('mime_type', 'text', false, null), ('sha256', 'text', false, null), ('metadata', 'jsonb', false, null),
    ('job_id', 'uuid', false, null), ('moving_to', 'text', false, null), ('error_class', 'text', false, null), ('error_message', 'text', false, null),
    ('created_at', 'timestamp with time zone', true, 'now()') $$, 'S0-38, X-59: columns of images, sizes in bigint');
select set_eq($$ select * from pg_temp.columns_of('atelier.collections') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'), ('client_id', 'uuid', true, null), ('name', 'text', true, null),
    ('status', 'text', true, '''draft''::text'), ('selected_product_ids', 'uuid[]', true, '''{}''::uuid[]'),
    ('product_analysis', 'jsonb', false, null), ('own_settings', 'jsonb', true, '''{}''::jsonb'), ('base_settings', 'jsonb', false, null),
    ('error_message', 'text', false, null), ('created_at', 'timestamp with time zone', true, 'now()'), ('updated_at', 'timestamp with time zone', true, 'now()'),
    ('completed_at', 'timestamp with time zone', false, null) $$, 'S0-41 to S0-46: columns of collections');
select set_eq($$ select * from pg_temp.columns_of('atelier.inspiration_images') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'), ('client_id', 'uuid', true, null), ('collection_id', 'uuid', true, null), ('image_id', 'uuid', true, null),
    ('source', 'text', true, null), ('analysis', 'jsonb', false, null), ('display_order', 'integer', true, '0'), ('job_id', 'uuid', false, null),
    ('error_message', 'text', false, null), ('created_at', 'timestamp with time zone', true, 'now()') $$, 'S0-47: columns of inspiration_images');
select set_eq($$ select * from pg_temp.columns_of('atelier.generated_assets') $$, $$ values
    ('id', 'uuid', true, 'gen_random_uuid()'), ('client_id', 'uuid', true, null), ('collection_id', 'uuid', false, null),
    ('product_id', 'uuid', true, null), ('image_id', 'uuid', false, null),
    ('type', 'text', true, '''image''::text'), ('status', 'text', true, '''draft''::text'), ('progress', 'integer', true, '0'),
    ('settings', 'jsonb', true, null), ('provider', 'text', false, null), ('error_message', 'text', false, null),
    ('job_id', 'uuid', false, null), ('pinned', 'boolean', true, 'false'), ('regenerated_from', 'uuid', false, null),
    ('created_at', 'timestamp with time zone', true, 'now()'), ('updated_at', 'timestamp with time zone', true, 'now()'),
    ('completed_at', 'timestamp with time zone', false, null),
    ('deleted_at', 'timestamp with time zone', false, null) $$, 'S0-50 to S0-59, X-14, X-44: columns of generated_assets');

create function pg_temp.keys_of(p_table text) returns table (name text, definition text)
language sql as $$
    select c.conname::text, pg_get_constraintdef(c.oid) from pg_constraint c
     where c.conrelid = p_table::regclass and c.contype in ('p', 'u', 'f')
$$;

select set_eq($$ select * from pg_temp.keys_of('atelier.generated_assets') $$, $$ values
    ('generated_assets_pkey', 'PRIMARY KEY (id)'),
    ('generated_assets_client_id_id_key', 'UNIQUE (client_id, id)'),
    ('generated_assets_client_id_fkey', 'FOREIGN KEY (client_id) REFERENCES atelier.clients(id) ON DELETE CASCADE'),
    ('generated_assets_collection_fkey', 'FOREIGN KEY (client_id, collection_id) REFERENCES atelier.collections(client_id, id) ON DELETE SET NULL (collection_id)'),
    ('generated_assets_product_fkey', 'FOREIGN KEY (client_id, product_id) REFERENCES atelier.products(client_id, id) ON DELETE CASCADE'),
    ('generated_assets_image_fkey', 'FOREIGN KEY (client_id, image_id) REFERENCES atelier.images(client_id, id) ON DELETE SET NULL (image_id)'),
    ('generated_assets_regenerated_from_fkey', 'FOREIGN KEY (client_id, regenerated_from) REFERENCES atelier.generated_assets(client_id, id) ON DELETE SET NULL (regenerated_from)')
    $$, 'S0-30, S0-50 to S0-53: keys of generated_assets, each link with its tenant');
select set_eq($$ select * from pg_temp.keys_of('atelier.product_images') $$, $$ values
    ('product_images_pkey', 'PRIMARY KEY (id)'),
    ('product_images_product_id_image_id_key', 'UNIQUE (product_id, image_id)'),
    ('product_images_product_fkey', 'FOREIGN KEY (client_id, product_id) REFERENCES atelier.products(client_id, id) ON DELETE CASCADE'),
    ('product_images_image_fkey', 'FOREIGN KEY (client_id, image_id) REFERENCES atelier.images(client_id, id) ON DELETE CASCADE')
    $$, 'S0-30, S0-37: keys of product_images');
select set_eq($$ select * from pg_temp.keys_of('atelier.collections') $$, $$ values
    ('collections_pkey', 'PRIMARY KEY (id)'), ('collections_client_id_id_key', 'UNIQUE (client_id, id)'),
    ('collections_client_id_fkey', 'FOREIGN KEY (client_id) REFERENCES atelier.clients(id) ON DELETE CASCADE') $$, 'S0-42: keys of collections');
select set_eq($$ select * from pg_temp.keys_of('atelier.inspiration_images') $$, $$ values
    ('inspiration_images_pkey', 'PRIMARY KEY (id)'), ('inspiration_images_collection_id_image_id_key', 'UNIQUE (collection_id, image_id)'),
    ('inspiration_images_collection_fkey', 'FOREIGN KEY (client_id, collection_id) REFERENCES atelier.collections(client_id, id) ON DELETE CASCADE'),
    ('inspiration_images_image_fkey', 'FOREIGN KEY (client_id, image_id) REFERENCES atelier.images(client_id, id) ON DELETE CASCADE')
    $$, 'S0-30, S0-47: keys of inspiration_images, each link with its tenant');
select set_eq($$ select * from pg_temp.keys_of('atelier.images') $$, $$ values
    ('images_pkey', 'PRIMARY KEY (id)'), ('images_client_id_id_key', 'UNIQUE (client_id, id)'),
    ('images_store_s3_bucket_s3_key_key', 'UNIQUE (store, s3_bucket, s3_key)'),
    ('images_client_id_fkey', 'FOREIGN KEY (client_id) REFERENCES atelier.clients(id) ON DELETE CASCADE') $$, 'S0-38: keys of images');
select set_eq($$ select * from pg_temp.keys_of('atelier.products') $$, $$ values
    ('products_pkey', 'PRIMARY KEY (id)'), ('products_client_id_id_key', 'UNIQUE (client_id, id)'),
    ('products_client_id_sku_key', 'UNIQUE (client_id, sku)'),
    ('products_client_id_fkey', 'FOREIGN KEY (client_id) REFERENCES atelier.clients(id) ON DELETE CASCADE') $$, 'S0-35: keys of products');
select set_eq($$ select * from pg_temp.keys_of('atelier.collections') $$, $$ values
    ('collections_pkey', 'PRIMARY KEY (id)'), ('collections_client_id_id_key', 'UNIQUE (client_id, id)'),
    ('collections_client_id_fkey', 'FOREIGN KEY (client_id) REFERENCES atelier.clients(id) ON DELETE CASCADE') $$, 'S0-42: keys of collections');
select set_eq($$ select * from pg_temp.keys_of('atelier.inspiration_images') $$, $$ values
    ('inspiration_images_pkey', 'PRIMARY KEY (id)'), ('inspiration_images_collection_id_image_id_key', 'UNIQUE (collection_id, image_id)'),
    ('inspiration_images_collection_fkey', 'FOREIGN KEY (client_id, collection_id) REFERENCES atelier.collections(client_id, id) ON DELETE CASCADE'),
    ('inspiration_images_image_fkey', 'FOREIGN KEY (client_id, image_id) REFERENCES atelier.images(client_id, id) ON DELETE CASCADE')
    $$, 'S0-47: keys of inspiration_images');
select set_eq($$ select * from pg_temp.keys_of('atelier.members') $$, $$ values
    ('members_pkey', 'PRIMARY KEY (id)'), ('members_user_id_client_id_key', 'UNIQUE (user_id, client_id)'),
    ('members_user_id_fkey', 'FOREIGN KEY (user_id) REFERENCES atelier.users(id) ON DELETE CASCADE'),
    ('members_client_id_fkey', 'FOREIGN KEY (client_id) REFERENCES atelier.clients(id) ON DELETE CASCADE') $$, 'S0-27, S0-34: keys of members');
select set_eq($$ select * from pg_temp.keys_of('atelier.clients') $$, $$ values
    ('clients_pkey', 'PRIMARY KEY (id)'), ('clients_slug_key', 'UNIQUE (slug)') $$, 'S0-31: keys of clients');

select set_eq($$ select c.conname::text, pg_get_constraintdef(c.oid) from pg_constraint c
                  where c.conrelid = 'atelier.generated_assets'::regclass and c.contype = 'c' $$, $$ values
    ('valid_type', 'CHECK ((type = ANY (ARRAY[''image''::text, ''video''::text, ''3d_render''::text])))'),
    ('valid_status', 'CHECK ((status = ANY (ARRAY[''draft''::text, ''pending''::text, ''generating''::text, ''completed''::text, ''error''::text])))'),
    ('valid_progress', 'CHECK (((progress >= 0) AND (progress <= 100)))'),
    ('completed_has_image', 'CHECK (((status <> ''completed''::text) OR (image_id IS NOT NULL)))'),
    ('error_has_message', 'CHECK (((status <> ''error''::text) OR (error_message IS NOT NULL)))'),
    ('completed_is_full', 'CHECK (((status = ''completed''::text) = (progress = 100)))'),
    ('completed_has_time', 'CHECK (((status = ''completed''::text) = (completed_at IS NOT NULL)))'),
    ('valid_settings', 'CHECK ((atelier_internal.flow_settings_problem(settings, (status = ''draft''::text)) IS NULL))')
    $$, 'S0-54 to S0-58, S0-65: named checks of generated_assets');
select set_eq($$ select c.conrelid::regclass::text, c.conname::text from pg_constraint c
                  where c.contype = 'c' and c.conrelid in ('atelier.collections'::regclass, 'atelier.images'::regclass, 'atelier.members'::regclass,
                        'atelier.clients'::regclass, 'atelier.users'::regclass, 'atelier.products'::regclass,
                        'atelier.inspiration_images'::regclass) $$, $$ values
    ('atelier.collections', 'valid_name'), ('atelier.collections', 'valid_status'), ('atelier.collections', 'valid_own_settings'),
    ('atelier.collections', 'error_has_message'), ('atelier.collections', 'completed_has_time'),
    ('atelier.inspiration_images', 'valid_source'), ('atelier.inspiration_images', 'valid_analysis'),
    ('atelier.collections', 'valid_product_analysis'), ('atelier.collections', 'valid_base_settings'),
    ('atelier.images', 'valid_store'), ('atelier.images', 'valid_key'), ('atelier.images', 'valid_url'), ('atelier.images', 'valid_status'),
    ('atelier.images', 'valid_width'), ('atelier.images', 'valid_height'), ('atelier.images', 'valid_file_size'),
    ('atelier.images', 'valid_mime_type'), ('atelier.images', 'valid_sha256'), ('atelier.images', 'valid_metadata'),
    ('atelier.images', 'ready_is_measured'), ('atelier.images', 'failed_has_message'), ('atelier.images', 'valid_moving_to'),
    ('atelier.members', 'valid_role'), ('atelier.members', 'valid_status'), ('atelier.members', 'valid_invited_email'),
    ('atelier.clients', 'valid_name'), ('atelier.clients', 'valid_slug'), ('atelier.clients', 'valid_settings'),
    ('atelier.clients', 'valid_tier'), ('atelier.clients', 'valid_daily_generations'), ('atelier.clients', 'valid_legal_hold'),
    ('atelier.users', 'valid_email'), ('atelier.users', 'valid_name'),
    ('atelier.products', 'valid_name'), ('atelier.products', 'valid_sku'), ('atelier.products', 'valid_category'),
    ('atelier.products', 'valid_room_types'), ('atelier.products', 'valid_metadata') $$, 'S0-31 to S0-39, S0-43, S0-48: every check has its name');

select is(pg_get_indexdef(('atelier.' || wanted.name)::regclass), format('CREATE %s ON atelier.%s', replace(wanted.kind, '@', wanted.name), wanted.rest),
          wanted.row_id || ': index ' || wanted.name)
  from (values
    ('S0-60', 'idx_generated_assets_client', 'INDEX @', 'generated_assets USING btree (client_id)'),
    ('S0-60', 'idx_generated_assets_collection', 'INDEX @', 'generated_assets USING btree (collection_id)'),
    ('X-48', 'idx_generated_assets_collection_active', 'INDEX @', 'generated_assets USING btree (collection_id) WHERE ((status = ANY (ARRAY[''pending''::text, ''generating''::text])) AND (deleted_at IS NULL))'),
    ('S0-60', 'idx_generated_assets_product', 'INDEX @', 'generated_assets USING btree (product_id)'),
    ('S0-60', 'idx_generated_assets_status', 'INDEX @', 'generated_assets USING btree (status)'),
    ('S0-60', 'idx_generated_assets_type', 'INDEX @', 'generated_assets USING btree (type)'),
    ('S0-60', 'idx_generated_assets_pinned', 'INDEX @', 'generated_assets USING btree (client_id, pinned) WHERE (pinned AND (deleted_at IS NULL))'),
    ('S0-60', 'idx_generated_assets_active', 'INDEX @', 'generated_assets USING btree (client_id, status) WHERE (deleted_at IS NULL)'),
    ('S0-60', 'idx_generated_assets_active_generations', 'INDEX @', 'generated_assets USING btree (client_id, status, created_at) WHERE ((status = ANY (ARRAY[''pending''::text, ''generating''::text])) AND (deleted_at IS NULL))'),
    ('S0-69', 'idx_generated_assets_settings', 'INDEX @', 'generated_assets USING gin (settings jsonb_path_ops)'),
    ('S0-02', 'idx_generated_assets_job', 'INDEX @', 'generated_assets USING btree (job_id) WHERE (job_id IS NOT NULL)'),
    ('S0-73', 'idx_generated_assets_newest', 'INDEX @', 'generated_assets USING btree (client_id, created_at DESC, id DESC) WHERE (deleted_at IS NULL)'),
    ('S0-33', 'users_email_key', 'UNIQUE INDEX @', 'users USING btree (lower(email))'),
    ('S0-36', 'idx_products_metadata', 'INDEX @', 'products USING gin (metadata jsonb_path_ops)'),
    ('S0-37', 'idx_product_images_primary', 'UNIQUE INDEX @', 'product_images USING btree (product_id) WHERE is_primary'),
    ('S0-49', 'idx_collections_client_id', 'INDEX @', 'collections USING btree (client_id)'),
    ('S0-49', 'idx_collections_status', 'INDEX @', 'collections USING btree (status)'),
    ('S0-49', 'idx_inspiration_images_collection', 'INDEX @', 'inspiration_images USING btree (collection_id)')
  ) as wanted (row_id, name, kind, rest);

select is_empty($$
    select c.conrelid::regclass, c.conname from pg_constraint c
     where c.contype = 'f' and c.connamespace = 'atelier'::regnamespace
       and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = any (c.conkey)) $$,
    'S0-27: every foreign key has an index to look up what it deletes');

select set_eq($$ select entity, from_status, to_status from atelier_internal.status_transitions $$, $$ values
    ('generated_asset', 'draft', 'pending'), ('generated_asset', 'pending', 'generating'), ('generated_asset', 'generating', 'completed'),
    ('generated_asset', 'generating', 'error'), ('generated_asset', 'pending', 'error'), ('generated_asset', 'error', 'pending'),
    ('image', 'pending', 'ready'), ('image', 'pending', 'failed'), ('image', 'failed', 'pending'),
    ('image', 'pending', 'deleting'), ('image', 'ready', 'deleting'), ('image', 'failed', 'deleting'),
    ('collection', 'draft', 'analyzing'), ('collection', 'analyzing', 'ready'), ('collection', 'analyzing', 'error'), ('collection', 'analyzing', 'draft'),
    ('collection', 'ready', 'analyzing'), ('collection', 'ready', 'generating'), ('collection', 'ready', 'draft'),
    ('collection', 'generating', 'completed'), ('collection', 'generating', 'error'),
    ('collection', 'completed', 'analyzing'), ('collection', 'completed', 'generating'), ('collection', 'completed', 'draft'),
    ('collection', 'error', 'analyzing'), ('collection', 'error', 'ready'), ('collection', 'error', 'generating'), ('collection', 'error', 'draft') $$,
    'S0-12, S0-44, X-17, X-58: the transitions');

select is_empty($$
    select c.oid::regclass from pg_class c
     where c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace) and c.relkind in ('r', 'p', 'v')
       and obj_description(c.oid, 'pg_class') is null $$, 'S0-86: every table and view has a comment');
select is_empty($$
    select c.oid::regclass, a.attname from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'atelier'::regnamespace and c.relkind in ('r', 'p', 'v') and col_description(c.oid, a.attnum) is null $$,
    'S0-86: every public column has a comment');
select is_empty($$
    select t.name, a.attname
      from (values ('status_transitions'), ('settings_vocabulary'), ('asset_pipelines'), ('pipeline_models')) as t (name)
      join pg_attribute a on a.attrelid = ('atelier_internal.' || t.name)::regclass and a.attnum > 0
     where col_description(a.attrelid, a.attnum) is null $$, 'S0-86: every column of the rule tables has a comment');
select is_empty($$
    select p.oid::regprocedure from pg_proc p
     where p.pronamespace = 'atelier'::regnamespace and obj_description(p.oid, 'pg_proc') is null $$,
    'S0-86: every public function has a comment');
select is_empty($$
    select p.oid::regprocedure from pg_proc p
     where p.pronamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
       -- a procedure that commits can have no SET: house_rules.sql looks at those
       and p.prokind <> 'p'
       and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false) $$, 'E-15: every function pins its search_path');
select is_empty($$
    select p.oid::regprocedure from pg_proc p
     where p.pronamespace = 'atelier'::regnamespace and p.provolatile = 'v' and not p.prosecdef and p.prokind <> 'p'
       -- pg_cron runs what was scheduled as the role that scheduled it; the script of an extension grants on its own tables
       and p.proname not in ('install_schedules', 'remove_schedules', 'register_stored_objects', 'unregister_stored_objects') $$, 'E-15: public functions that write run as their owner');
select is(p.provolatile, 'i', 'S3-54: sanitize_filename() is immutable') from pg_proc p where p.oid = 'atelier.sanitize_filename(text)'::regprocedure;
select is_empty($$ select t.tgrelid::regclass, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
                    where c.relnamespace = 'atelier'::regnamespace and not t.tgisinternal and t.tgtype & 4 <> 0 and t.tgname not in ('refuse_viewer', 'note_wake') $$,
    'rule 8: no table of the studio has an INSERT trigger that looks at rows');
select is_empty($$ select c.relname from pg_class c where c.relnamespace = 'atelier'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'prices'
                      and not exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'refuse_viewer' and t.tgenabled = 'O' and t.tgtype & 28 = 28) $$, 'S2-67: no table of a client can be changed for a viewer');

select is_empty($$
    select p.oid::regprocedure from pg_proc p
     where p.pronamespace = 'atelier'::regnamespace and 'id' = any (p.proargnames) and p.prokind = 'f'
       and p.proargmodes is null $$, 'S0-24: no parameter is a bare "id"');
select set_eq($$ select a.attname::text from pg_attribute a
                  where a.attrelid = 'atelier.generated_assets'::regclass and a.attname like '%job%' $$, array['job_id'],
    'S0-01, S0-84: a job is only what an asset refers to');
select is_empty($$
    select c.relname from pg_class c
     where c.relnamespace = 'atelier'::regnamespace and c.relname like '%job%'
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname in ('product_id', 'collection_id', 'settings')) $$,
    'S0-84, S0-102: no table or view calls an asset a job');
select is_empty($$
    select p.oid::regprocedure from pg_proc p
     where p.pronamespace = 'atelier'::regnamespace and p.proname like '%job%' and 'asset_id' = any (p.proargnames) $$,
    'S0-84: no function that takes an asset is named after jobs');
select has_function('atelier', 'create_generation_request',
    array['uuid', 'uuid', 'jsonb', 'uuid', 'text', 'uuid', 'text', 'integer', 'timestamp with time zone', 'boolean',
          'text', 'timestamp with time zone', 'text', 'text[]', 'text'], 'S0-25: create_generation_request');

select set_eq($$
    select wanted.name, coalesce(e.extcondition[array_position(e.extconfig, wanted.name::regclass::oid)], 'unregistered')
      from (values ('atelier.clients'), ('atelier.users'), ('atelier.members'), ('atelier.products'), ('atelier.images'), ('atelier.product_images'),
                   ('atelier.collections'), ('atelier.inspiration_images'), ('atelier_internal.product_batches'), ('atelier_internal.collection_checks'), ('atelier_internal.photo_uses'), ('atelier.generated_assets'), ('atelier_internal.status_transitions'),
                   ('atelier_internal.settings_vocabulary'), ('atelier_internal.asset_pipelines'), ('atelier_internal.pipeline_models')) as wanted (name)
      join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = wanted.name::regclass and d.deptype = 'e'
      join pg_extension e on e.oid = d.refobjid $$, $$ values
    ('atelier.clients', ''), ('atelier.users', ''), ('atelier.members', ''), ('atelier.products', ''), ('atelier.images', ''),
    ('atelier.product_images', ''), ('atelier.collections', ''), ('atelier.inspiration_images', ''), ('atelier_internal.product_batches', ''),
    ('atelier_internal.collection_checks', ''), ('atelier_internal.photo_uses', ''), ('atelier.generated_assets', ''),
    ('atelier_internal.status_transitions', 'where not built_in and extension is null'), ('atelier_internal.settings_vocabulary', 'where not built_in'),
    ('atelier_internal.asset_pipelines', 'where not built_in'), ('atelier_internal.pipeline_models', 'where not built_in') $$,
    'S0-85: pg_dump keeps the rows that people made');
select is_empty($$
    select t.name from (select 'transition ' || entity as name, built_in from atelier_internal.status_transitions
                        union all select 'word ' || field, built_in from atelier_internal.settings_vocabulary
                        union all select 'type ' || asset_type, built_in from atelier_internal.asset_pipelines
                        union all select 'provider ' || provider, built_in from atelier_internal.pipeline_models) t
     where not t.built_in $$, 'S0-85: the rows of the install script are marked');

select * from finish();
rollback;
