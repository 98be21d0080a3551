-- What a DBA sees of the servers of Unsplash.

create view atelier.photo_libraries with (security_invoker, security_barrier) as
select s.name as photo_library, atelier_internal.provider_option(s.name, 'base_url') as base_url,
       atelier_internal.provider_option(s.name, 'app_name') as app_name,
       k.source as key_source, k.mapping as key_mapping, k.ready as key_ready,
       case when l.paused_at is not null and (l.paused_until is null or l.paused_until > now()) then 'paused'
            else coalesce(l.gate, 'open') end as state,
       l.pause_reason, case when l.gate <> 'open' then l.gate_reason end as gate_reason
  from atelier_internal.provider_servers s
 cross join lateral atelier_internal.provider_key(s.server_id) k
  left join atelier_internal.lanes l on l.provider = s.name and l.model = '' and l.key = ''
 where s.kind = 'unsplash' and not atelier_internal.is_embedded(s.name);
comment on view atelier.photo_libraries is
    'The foreign servers of atelier_unsplash with the options in force, and where their keys come from; never a key.';
comment on column atelier.photo_libraries.photo_library is 'Name of the server.';
comment on column atelier.photo_libraries.base_url is 'Where requests go.';
comment on column atelier.photo_libraries.app_name is 'The application that links to photographers name as where their visitors come from.';
comment on column atelier.photo_libraries.key_source is 'Where the key is: file, environment, mapping (the catalog itself, which dumps contain) or missing.';
comment on column atelier.photo_libraries.key_mapping is 'The user mapping that is used: atelier_owner or public; null: there is none.';
comment on column atelier.photo_libraries.key_ready is 'False: there is no key, or its environment variable is not set. A file is not looked at.';
comment on column atelier.photo_libraries.state is 'paused, or as the gate of its lane stands: open, resting, broken, trying or opening.';
comment on column atelier.photo_libraries.pause_reason is 'Why it is paused.';
comment on column atelier.photo_libraries.gate_reason is 'What the service said.';
grant select on atelier.photo_libraries to atelier_admin, atelier_observer;

create function atelier_internal.check_photo_libraries()
    returns table (area text, ok boolean, finding text, advice text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query select 'photo library', p.key_ready,
        format('server %s of Unsplash: %s', p.photo_library,
               case when p.key_source = 'missing' then 'it has no key'
                    when not p.key_ready then format('the environment variable that the mapping for %s names is not set in the server', p.key_mapping)
                    else format('its key comes from the mapping for %s', p.key_mapping) end),
        case when p.key_source = 'missing'
             then format('CREATE USER MAPPING FOR atelier_owner SERVER %I OPTIONS (api_key_file ''/path/of/the/key'');', p.photo_library)
             when not p.key_ready then 'Set it for the service of PostgreSQL and restart that, or use api_key_file.'
             when p.key_source = 'mapping' then 'Dumps and base backups contain it; with api_key_file they do not.' end
      from atelier.photo_libraries p order by p.photo_library;
end
$$;
comment on function atelier_internal.check_photo_libraries() is 'The rows of self_check() about servers of Unsplash and their keys.';
