-- A provider or a store is a foreign server of one of these wrappers; its options say where and how, a user mapping holds
-- the key.

create function atelier_internal.gemini_options(p_options text[], p_catalog oid) returns void
    language c strict parallel unsafe set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_gemini_options';
comment on function atelier_internal.gemini_options(text[], oid) is 'Validator of the options of atelier_gemini. Judges words, opens nothing.';

create function atelier_internal.openai_options(p_options text[], p_catalog oid) returns void
    language c strict parallel unsafe set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_openai_options';
comment on function atelier_internal.openai_options(text[], oid) is 'Validator of the options of atelier_openai. Judges words, opens nothing.';

create function atelier_internal.s3_options(p_options text[], p_catalog oid) returns void
    language c strict parallel unsafe set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_s3_options';
comment on function atelier_internal.s3_options(text[], oid) is 'Validator of the options of atelier_s3. Judges words, opens nothing.';

create foreign data wrapper atelier_gemini validator atelier_internal.gemini_options;
comment on foreign data wrapper atelier_gemini is 'Google Gemini API. Its servers are providers of pg_atelier.';
create foreign data wrapper atelier_openai validator atelier_internal.openai_options;
comment on foreign data wrapper atelier_openai is
    'OpenAI and services that speak its API, such as DeepSeek. Its servers are providers of pg_atelier.';
create foreign data wrapper atelier_s3 validator atelier_internal.s3_options;
comment on foreign data wrapper atelier_s3 is
    'Amazon S3 and services that speak its API, such as R2, Ceph, MinIO or Supabase. Its servers are stores of pg_atelier.';
grant usage on foreign data wrapper atelier_gemini, atelier_openai, atelier_s3 to atelier_admin;

create function atelier_internal.caller() returns text
    language c stable parallel restricted set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_caller';
comment on function atelier_internal.caller() is
    'The role in force outside of all SECURITY DEFINER functions: session user or SET ROLE. 42501 where that is not who is asking, such as in an index expression.';

create function atelier_internal.is_embedded(p_provider text) returns boolean
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
    return p_provider in ('offline', 'file');
comment on function atelier_internal.is_embedded(text) is
    'Whether this is a provider or store that needs no server and costs nothing.';

create function atelier_internal.provider_option(p_provider text, p_option text) returns text
    language c stable strict parallel safe set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_provider_option';
comment on function atelier_internal.provider_option(text, text) is
    'Server option of a provider or store, or its default; null where there is neither, for embedded ones and unknown names.';

create function atelier_internal.provider_key(p_server oid, out source text, out mapping text, out ready boolean)
    language c stable strict parallel restricted set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_provider_key';
comment on function atelier_internal.provider_key(oid) is
    'Where the key of a server comes from, never the key: source is file, environment, mapping or missing; mapping is atelier_owner, public or null; ready is false where there is none or an environment variable is not set.';

create function atelier_internal.presign(p_store text, p_bucket text, p_key text, p_method text, p_headers jsonb, p_query jsonb,
                                         p_expires interval, p_at timestamptz) returns text
    language c stable strict parallel restricted set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_presign';
comment on function atelier_internal.presign(text, text, text, text, jsonb, jsonb, interval, timestamptz) is
    'A URL that lets its holder make this one request of an S3 store, with exactly these headers, for p_expires from p_at on. Signed with the credentials of the store, which it does not show.';

create view atelier_internal.provider_servers with (security_invoker, security_barrier) as
select s.oid as server_id, s.srvname::text as name, replace(w.fdwname, 'atelier_', '') as kind, s.srvowner as owner_id
  from pg_foreign_server s
  join pg_foreign_data_wrapper w on w.oid = s.srvfdw
 where w.fdwname in ('atelier_gemini', 'atelier_openai', 'atelier_s3', 'atelier_unsplash');
comment on view atelier_internal.provider_servers is 'The foreign servers that are providers, stores or libraries of photos.';
comment on column atelier_internal.provider_servers.server_id is 'OID of the server.';
comment on column atelier_internal.provider_servers.name is 'Name of the server, and of the provider or store.';
comment on column atelier_internal.provider_servers.kind is 'gemini, openai or, for a store, s3, for a library of photos, unsplash.';
comment on column atelier_internal.provider_servers.owner_id is 'Role that owns the server.';

create function atelier_internal.provider_refusal(p_provider text, p_role text, p_word text default 'provider') returns text
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select case when atelier_internal.is_embedded(p_provider) then null
                when s.server_id is null then format('%s "%s" does not exist any more', p_word, p_provider)
                when r.oid is null then format('role "%s", which created the job, does not exist any more', p_role)
                when not has_server_privilege(r.oid, s.server_id, 'usage')
                    then format('role "%s", which created the job, has no USAGE on foreign server "%s" any more', p_role, p_provider) end
      from (select) one
      left join atelier_internal.provider_servers s on s.name = p_provider
      left join pg_roles r on r.rolname = p_role;
end;
comment on function atelier_internal.provider_refusal(text, text, text) is
    'Why a job of this role may not be sent to this provider or store; null where it may.';

create function atelier_internal.require_provider(p_provider text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_role text;
    v_server record;
    v_usable text;
begin
    if atelier_internal.is_embedded(p_provider) then
        return;
    end if;
    v_role := atelier_internal.caller();
    select s.server_id, s.kind into v_server from atelier_internal.provider_servers s
     where s.name = p_provider and not atelier_internal.is_action_lane(p_provider);
    if found and has_server_privilege(v_role, v_server.server_id, 'usage') then
        return;
    elsif found then
        raise exception 'permission denied for % "%"', case v_server.kind when 's3' then 'store' else 'provider' end, p_provider
            using errcode = 'insufficient_privilege', hint = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', p_provider, v_role);
    end if;
    select string_agg(s.name, ', ' order by s.name) into v_usable
      from atelier_internal.provider_servers s where s.kind not in ('s3', 'unsplash') and has_server_privilege(v_role, s.server_id, 'usage');
    raise exception 'provider "%" does not exist', left(p_provider, 200)
        using errcode = 'undefined_object',
              hint = case when v_usable is not null then format('You may use: offline, %s.', v_usable)
                          else format('You may use: offline. A DBA makes a provider with CREATE SERVER %I FOREIGN DATA WRAPPER '
                                      'atelier_gemini OPTIONS (image_model ''...''), or atelier_openai, and grants USAGE on it.',
                                      left(p_provider, 63)) end;
end
$$;
comment on function atelier_internal.require_provider(text) is
    'Raises 42704 for a provider or store that is neither embedded nor a foreign server of ours, 42501 when the caller has no USAGE on it.';
