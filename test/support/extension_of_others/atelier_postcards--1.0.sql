-- An extension that brings a pipeline with functions of its own, status changes, and cards whose pictures lie in a store.
do $$
begin
    if not exists (select from pg_roles where rolname = 'postcard_writer') then
        create role postcard_writer nologin;
    end if;
end
$$;

create schema postcards;
grant usage on schema postcards to postcard_writer;

create table postcards.cards (
    id uuid primary key default gen_random_uuid(),
    client_id uuid,
    words text,
    status text not null default 'blank',
    store text not null default 'file',
    bucket text not null default '',
    object_key text collate "C",
    bytes bigint,
    created_at timestamptz not null default now()
);
create index on postcards.cards (store, bucket, object_key);
grant select, insert, update on postcards.cards to postcard_writer;
select pg_extension_config_dump('postcards.cards', '');

create function postcards.greet(job jsonb) returns jsonb language sql immutable
    return jsonb_build_object('words', 'Dear ' || (job #>> '{input,name}'));
create function postcards.keep(job jsonb) returns jsonb language sql
begin atomic
    insert into postcards.cards (client_id, words)
    select (job ->> 'client_id')::uuid, job #>> '{results,greet,words}'
    returning jsonb_build_object('card', id);
end;
revoke all on function postcards.greet(jsonb), postcards.keep(jsonb) from public;
grant execute on function postcards.greet(jsonb), postcards.keep(jsonb) to postcard_writer;

select atelier.register_pipeline('write_postcard', '[
    {"name": "greet", "action": "sql", "handler": "postcards.greet"},
    {"name": "keep", "action": "sql", "handler": "postcards.keep"}]', 'Writes a postcard.', run_as => 'postcard_writer');

select atelier.register_transition('collection', 'ready', 'completed');
select atelier.register_transition('postcard', 'blank', 'written');
select atelier.register_transition('postcard', 'written', 'sent');
create trigger card_status before update of status on postcards.cards
    for each row execute function atelier.check_status('postcard');

select atelier.register_stored_objects('postcards.cards', key => 'object_key', bucket => 'bucket', size => 'bytes', client_id => 'client_id',
                                       created_at => 'created_at');
