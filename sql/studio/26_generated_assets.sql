-- The deliverable: a picture that was asked for, with everything needed to make it again. The transient work is a job elsewhere.

create table atelier.generated_assets (
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    collection_id uuid,
    product_id uuid not null,
    image_id uuid,
    type text not null default 'image',
    status text not null default 'draft',
    progress integer not null default 0,
    settings jsonb not null,
    provider text,
    error_message text,
    job_id uuid,
    pinned boolean not null default false,
    regenerated_from uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    completed_at timestamptz,
    deleted_at timestamptz,
    constraint generated_assets_pkey primary key (id),
    constraint generated_assets_client_id_id_key unique (client_id, id),
    constraint generated_assets_client_id_fkey foreign key (client_id) references atelier.clients (id) on delete cascade,
    constraint generated_assets_collection_fkey foreign key (client_id, collection_id)
        references atelier.collections (client_id, id) on delete set null (collection_id),
    constraint generated_assets_product_fkey foreign key (client_id, product_id)
        references atelier.products (client_id, id) on delete cascade,
    constraint generated_assets_image_fkey foreign key (client_id, image_id)
        references atelier.images (client_id, id) on delete set null (image_id),
    constraint generated_assets_regenerated_from_fkey foreign key (client_id, regenerated_from)
        references atelier.generated_assets (client_id, id) on delete set null (regenerated_from),
    constraint valid_type check (type in ('image', 'video', '3d_render')),
    constraint valid_status check (status in ('draft', 'pending', 'generating', 'completed', 'error')),
    constraint valid_progress check (progress >= 0 and progress <= 100),
    constraint completed_has_image check (status <> 'completed' or image_id is not null),
    constraint error_has_message check (status <> 'error' or error_message is not null),
    constraint completed_is_full check ((status = 'completed') = (progress = 100)),
    constraint completed_has_time check ((status = 'completed') = (completed_at is not null)),
    constraint valid_settings check (atelier_internal.flow_settings_problem(settings, status = 'draft') is null)
);
create index idx_generated_assets_client on atelier.generated_assets (client_id);
create index idx_generated_assets_collection on atelier.generated_assets (collection_id);
create index idx_generated_assets_collection_active on atelier.generated_assets (collection_id)
    where status in ('pending', 'generating') and deleted_at is null;
create index idx_generated_assets_product on atelier.generated_assets (product_id);
create index idx_generated_assets_status on atelier.generated_assets (status);
create index idx_generated_assets_type on atelier.generated_assets (type);
create index idx_generated_assets_pinned on atelier.generated_assets (client_id, pinned) where pinned and deleted_at is null;
create index idx_generated_assets_active on atelier.generated_assets (client_id, status) where deleted_at is null;
create index idx_generated_assets_active_generations on atelier.generated_assets (client_id, status, created_at)
    where status in ('pending', 'generating') and deleted_at is null;
create index idx_generated_assets_settings on atelier.generated_assets using gin (settings jsonb_path_ops);
create index idx_generated_assets_job on atelier.generated_assets (job_id) where job_id is not null;
create index idx_generated_assets_image on atelier.generated_assets (image_id) where image_id is not null;
create index idx_generated_assets_regenerated_from on atelier.generated_assets (regenerated_from) where regenerated_from is not null;
create index idx_generated_assets_deleted on atelier.generated_assets (deleted_at) where deleted_at is not null;
create index idx_generated_assets_failed on atelier.generated_assets (updated_at) where status = 'error' and deleted_at is null;
create index idx_generated_assets_newest on atelier.generated_assets (client_id, created_at desc, id desc) where deleted_at is null;

comment on table atelier.generated_assets is
    'Assets: what was asked for and what came of it. A row lives until it is deleted and does not depend on its job, which expires. Once completed it never changes but for pinning and deletion.';
comment on column atelier.generated_assets.id is 'Identity of the asset.';
comment on column atelier.generated_assets.client_id is 'The client that owns the asset.';
comment on column atelier.generated_assets.collection_id is 'Collection the asset belongs to; NULL when it stands alone.';
comment on column atelier.generated_assets.product_id is 'The product it shows.';
comment on column atelier.generated_assets.image_id is 'The picture; set when the asset is completed.';
comment on column atelier.generated_assets.type is 'image, video or 3d_render.';
comment on column atelier.generated_assets.status is
    'draft (not submitted), pending (waiting to be made), generating (being made), completed (has its image) or error (has its message).';
comment on column atelier.generated_assets.progress is 'Share of the work that is done, in percent; 100 exactly when completed. Never falls while the asset is generating.';
comment on column atelier.generated_assets.settings is 'Generation settings with the defaults of the client merged in; frozen when the asset is submitted. A draft may be partial.';
comment on column atelier.generated_assets.provider is 'Provider that was asked for; NULL in a draft means the default at submission.';
comment on column atelier.generated_assets.error_message is 'Why the asset could not be made, in plain words; cleared when it is tried again.';
comment on column atelier.generated_assets.job_id is 'Last job that worked for the asset; kept for reference, no foreign key, since the job goes first.';
comment on column atelier.generated_assets.pinned is 'Whether the asset was pinned, to be used as inspiration later.';
comment on column atelier.generated_assets.regenerated_from is 'The asset that this one was made anew from.';
comment on column atelier.generated_assets.created_at is 'When the asset was asked for.';
comment on column atelier.generated_assets.updated_at is 'When the row was last changed; kept by a trigger.';
comment on column atelier.generated_assets.completed_at is 'When the asset was completed; kept by a trigger.';
comment on column atelier.generated_assets.deleted_at is 'When the asset was deleted. It can be restored until the purge has come, pg_atelier.asset_undo_window after that.';
