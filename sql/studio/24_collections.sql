-- Collections group assets. Their workflow is not part of this version; the table is, because assets refer to it.

create table atelier.collections (
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    name text not null,
    status text not null default 'draft',
    selected_product_ids uuid[] not null default '{}',
    product_analysis jsonb,
    base_settings jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    completed_at timestamptz,
    constraint collections_pkey primary key (id),
    constraint collections_client_id_id_key unique (client_id, id),
    constraint collections_client_id_fkey foreign key (client_id) references atelier.clients (id) on delete cascade,
    constraint valid_name check (char_length(btrim(name)) between 1 and 500),
    constraint valid_status check (status in ('draft', 'analyzing', 'ready', 'generating', 'completed', 'error')),
    constraint valid_product_analysis check (jsonb_typeof(product_analysis) = 'object'),
    constraint valid_base_settings check (atelier_internal.flow_settings_problem(base_settings, true) is null)
);
create index idx_collections_client_id on atelier.collections (client_id);
create index idx_collections_status on atelier.collections (status);
comment on table atelier.collections is 'Groups of assets of one client. Deleting a collection leaves its assets, which then stand alone.';
comment on column atelier.collections.id is 'Identity of the collection.';
comment on column atelier.collections.client_id is 'The client that owns the collection.';
comment on column atelier.collections.name is 'Name for people, 1 to 500 characters.';
comment on column atelier.collections.status is 'draft, analyzing, ready, generating, completed or error.';
comment on column atelier.collections.selected_product_ids is 'Products selected for the collection.';
comment on column atelier.collections.product_analysis is 'What the analysis of the products found.';
comment on column atelier.collections.base_settings is 'Partial generation settings shared by the assets of the collection.';
comment on column atelier.collections.created_at is 'When the row was made.';
comment on column atelier.collections.updated_at is 'When the row was last changed; kept by a trigger.';
comment on column atelier.collections.completed_at is 'When all assets were made.';
