-- Bringing in clients and products.

create function atelier_internal.refuse_shape(p_what text, p_problem text[], p_value jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_shown text := case when jsonb_typeof(p_value) = 'object' then p_value #> string_to_array(p_problem[1], '.') else p_value end::text;
begin
    raise exception '% "%" is not valid', p_what, p_problem[1]
        using errcode = 'invalid_parameter_value',
              detail = case when v_shown is null then 'It is missing.' else format('Its value is %s.', left(v_shown, 200)) end,
              hint = format('It must be %s.', p_problem[2]);
end
$$;
comment on function atelier_internal.refuse_shape(text, text[], jsonb) is 'Raises 22023 naming the field, its value and what is expected.';

create function atelier_internal.refuse_unknown(p_what text, p_id uuid, p_client_id uuid, p_hint text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% not found', p_what
        using errcode = 'foreign_key_violation',
              detail = case when p_client_id is null then format('There is no %s %s.', p_what, p_id)
                            else format('Client %s has no %s %s.', p_client_id, p_what, p_id) end,
              hint = atelier_internal.way_out(p_hint);
end
$$;
comment on function atelier_internal.refuse_unknown(text, uuid, uuid, text) is
    'Raises 23503 for an id that refers to nothing, or to a row of another client; the message is the same for both.';

create function atelier_internal.require_client(p_client_id uuid) returns atelier.clients
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_client atelier.clients;
begin
    perform atelier_internal.require('client_id', p_client_id is not null);
    select c.* into v_client from atelier.clients c where c.id = p_client_id;
    if not found then
        perform atelier_internal.refuse_unknown('client', p_client_id, null, 'atelier.create_client() makes one and returns its id.');
    end if;
    return v_client;
end
$$;
comment on function atelier_internal.require_client(uuid) is 'The client; 22004 for NULL, 23503 for an unknown id.';

create function atelier_internal.hold_client(p_client_id uuid) returns atelier.clients
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- As a foreign key would, but before anything is written, so that whoever waited for an erasure is told that there is no such client.
    perform from atelier.clients c where c.id = p_client_id for key share;
    return atelier_internal.require_client(p_client_id);
end
$$;
comment on function atelier_internal.hold_client(uuid) is
    'The client, for which rows are to be made: an erasure waits until this transaction has ended. 22004 for NULL, 23503 for an unknown id.';

create function atelier_internal.lock_client(p_client_id uuid) returns atelier.clients
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from atelier.clients c where c.id = p_client_id for no key update;
    return atelier_internal.require_client(p_client_id);
end
$$;
comment on function atelier_internal.lock_client(uuid) is 'The client, locked, whose row is to be changed; 22004 for NULL, 23503 for an unknown id.';

create function atelier.validate_client_settings(settings jsonb) returns void
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_problem text[];
begin
    perform atelier_internal.require('settings', settings is not null);
    v_problem := atelier_internal.client_settings_problem(settings);
    if v_problem is not null then
        perform atelier_internal.refuse_shape('client setting', v_problem, settings);
    end if;
    if jsonb_typeof(settings -> 'generationDefaults') = 'object' then
        perform atelier.validate_flow_settings(settings -> 'generationDefaults', true);
    end if;
end
$$;
comment on function atelier.validate_client_settings(jsonb) is
    'Raises 22023 naming the field when the settings of a client are not valid; see clients.settings. Unknown keys are allowed.';

create function atelier.create_client(name text, slug text, settings jsonb default '{}') returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_id uuid;
begin
    perform atelier_internal.require('name', name is not null);
    perform atelier_internal.require('slug', slug is not null);
    perform atelier.validate_client_settings(settings);
    if char_length(btrim(name)) not between 1 and 500 then
        raise exception 'name must have 1 to 500 characters'
            using errcode = 'invalid_parameter_value', hint = 'Give the client a name.';
    end if;
    if slug !~ '^[a-z0-9]+(-[a-z0-9]+)*$' or char_length(slug) > 100 then
        raise exception 'slug "%" is not valid', left(slug, 200)
            using errcode = 'invalid_parameter_value',
                  hint = 'Use at most 100 lower-case letters and digits, in groups joined by hyphens, such as "north-wind".';
    end if;
    insert into atelier.clients as c (name, slug, settings) values (name, slug, settings)
    on conflict on constraint clients_slug_key do nothing
    returning c.id into v_id;
    if v_id is null then
        raise exception 'slug "%" is taken', slug
            using errcode = 'unique_violation', constraint = 'clients_slug_key', hint = 'Choose another slug.';
    end if;
    perform atelier_internal.audit('client.created', 'client', v_id, v_id);
    return v_id;
end
$$;
comment on function atelier.create_client(text, text, jsonb) is
    'Makes a client and returns its id. The slug must be free (23505); settings as in clients.settings (22023).';

create function atelier.create_product(client_id uuid, name text, sku text, category text, room_types text[] default '{}', metadata jsonb default null)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_id uuid;
    v_problem text[] := atelier_internal.product_metadata_problem(metadata);
begin
    perform atelier_internal.hold_client(client_id);
    perform atelier_internal.require('name', name is not null);
    perform atelier_internal.require('sku', sku is not null);
    perform atelier_internal.require('category', category is not null);
    perform atelier_internal.require('room_types', room_types is not null);
    if char_length(btrim(name)) not between 1 and 500 then
        raise exception 'name must have 1 to 500 characters' using errcode = 'invalid_parameter_value', hint = 'Give the product a name.';
    elsif char_length(btrim(sku)) not between 1 and 200 then
        raise exception 'sku must have 1 to 200 characters' using errcode = 'invalid_parameter_value', hint = 'Give the product a SKU of its own.';
    elsif char_length(btrim(category)) not between 1 and 200 then
        raise exception 'category must have 1 to 200 characters' using errcode = 'invalid_parameter_value', hint = 'Name the category.';
    elsif cardinality(room_types) > 100 or not atelier_internal.is_text_array(room_types) then
        raise exception 'room_types is not valid'
            using errcode = 'invalid_parameter_value', hint = 'Give at most 100 room types, none of them NULL or empty.';
    elsif v_problem is not null then
        perform atelier_internal.refuse_shape('product metadata', v_problem, metadata);
    end if;
    insert into atelier.products as p (client_id, name, sku, category, room_types, metadata)
    values (client_id, name, sku, category, room_types, metadata)
    on conflict on constraint products_client_id_sku_key do nothing
    returning p.id into v_id;
    if v_id is null then
        raise exception 'sku "%" is taken', sku
            using errcode = 'unique_violation', constraint = 'products_client_id_sku_key',
                  detail = format('Client %s has a product with this SKU.', client_id), hint = 'Use that product, or another SKU.';
    end if;
    return v_id;
end
$$;
comment on function atelier.create_product(uuid, text, text, text, text[], jsonb) is
    'Makes a product of a client and returns its id. The SKU must be free for the client (23505); metadata as in products.metadata (22023).';
