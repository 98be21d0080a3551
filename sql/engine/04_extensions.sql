-- Other extensions bring pipelines, status changes and kinds of stored objects: see 13_register.sql. Their rows carry their name.

create function atelier_internal.is_present(p_extension text) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
    return p_extension is null or exists (select from pg_extension e where e.extname = p_extension);
comment on function atelier_internal.is_present(text) is
    'Whether what an extension registered counts: it is installed in this database. Null, which is nobody''s, always does.';
