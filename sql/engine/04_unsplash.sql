-- Unsplash: a library of photos that are shown from where they are. Its servers are neither providers nor stores.

create function atelier_internal.unsplash_options(p_options text[], p_catalog oid) returns void
    language c strict parallel unsafe set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', 'atelier_unsplash_options';
comment on function atelier_internal.unsplash_options(text[], oid) is 'Validator of the options of atelier_unsplash. Judges words, opens nothing.';

create foreign data wrapper atelier_unsplash validator atelier_internal.unsplash_options;
comment on foreign data wrapper atelier_unsplash is 'The API of Unsplash. Photos of its servers can be imported as inspirations.';
grant usage on foreign data wrapper atelier_unsplash to atelier_admin;

create function atelier_internal.require_photo_library(p_provider text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_usable text[] := array(
        select s.name from atelier_internal.provider_servers s
         where s.kind = 'unsplash' and not atelier_internal.is_embedded(s.name)
           and has_server_privilege(atelier_internal.caller(), s.server_id, 'usage')
         order by s.name);
begin
    if p_provider is null and cardinality(v_usable) = 1 then
        return v_usable[1];
    elsif p_provider is null and v_usable <> '{}' then
        raise exception 'there are several servers of Unsplash'
            using errcode = 'invalid_parameter_value', hint = format('Name one with provider => one of: %s.', array_to_string(v_usable, ', '));
    elsif p_provider is null or not (atelier_internal.is_photo_library(p_provider) or atelier_internal.is_embedded(p_provider)
                                     or exists (select from atelier_internal.provider_servers s where s.name = p_provider)) then
        raise exception using
            errcode = 'undefined_object',
            message = case when p_provider is null then 'there is no server of Unsplash that you may use'
                           else format('server "%s" does not exist', left(p_provider, 200)) end,
            hint = case when v_usable <> '{}' then format('You may use: %s.', array_to_string(v_usable, ', '))
                        else 'A DBA makes one with CREATE SERVER unsplash FOREIGN DATA WRAPPER atelier_unsplash, and grants USAGE on it.' end;
    elsif not atelier_internal.is_photo_library(p_provider) then
        raise exception '"%" is no server of Unsplash', left(p_provider, 200)
            using errcode = 'wrong_object_type',
                  hint = case when v_usable <> '{}' then format('You may use: %s.', array_to_string(v_usable, ', '))
                              else 'A DBA makes one with CREATE SERVER unsplash FOREIGN DATA WRAPPER atelier_unsplash, and grants USAGE on it.' end;
    end if;
    perform atelier_internal.require_provider(p_provider);
    return p_provider;
end
$$;
comment on function atelier_internal.require_photo_library(text) is
    'The server of Unsplash of this name, or for NULL the only one that the caller may use. 42704 where there is none, 42809 for another kind of server, 22023 for NULL where there are several, 42501 without USAGE.';
