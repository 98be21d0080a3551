-- Collections: a selection of products, the inspirations, what the analyses found, and the settings that came of it.

create table atelier.collections (
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    name text not null,
    status text not null default 'draft',
    selected_product_ids uuid[] not null default '{}',
    product_analysis jsonb,
    own_settings jsonb not null default '{}',
    base_settings jsonb,
    error_message text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    completed_at timestamptz,
    constraint collections_pkey primary key (id),
    constraint collections_client_id_id_key unique (client_id, id),
    constraint collections_client_id_fkey foreign key (client_id) references atelier.clients (id) on delete cascade,
    constraint valid_name check (char_length(btrim(name)) between 1 and 500),
    constraint valid_status check (status in ('draft', 'analyzing', 'ready', 'generating', 'completed', 'error')),
    constraint valid_product_analysis check (atelier_internal.product_analysis_problem(product_analysis) is null),
    constraint valid_own_settings check (atelier_internal.flow_settings_problem(own_settings, true) is null),
    constraint valid_base_settings check (atelier_internal.flow_settings_problem(base_settings, true) is null),
    constraint error_has_message check ((status = 'error') = (error_message is not null)),
    constraint completed_has_time check ((status = 'completed') = (completed_at is not null))
);
create index idx_collections_client_id on atelier.collections (client_id);
create index idx_collections_status on atelier.collections (status);
comment on table atelier.collections is
    'Sets of assets of one client: products are selected, analysed together with inspirations, and made into one asset each. Deleting a collection leaves its assets, which then stand alone.';
comment on column atelier.collections.id is 'Identity of the collection.';
comment on column atelier.collections.client_id is 'The client that owns the collection.';
comment on column atelier.collections.name is 'Name for people, 1 to 500 characters.';
comment on column atelier.collections.status is
    'draft (being put together), analyzing, ready (to generate), generating, completed (all its assets ended, at least one of them completed) or error (see error_message).';
comment on column atelier.collections.selected_product_ids is 'Products selected for the collection, each once, in the order of the selection.';
comment on column atelier.collections.product_analysis is
    'What the analysis of the products found: roomTypeDistribution, productTypes, dominantCategory, suggestedStyles, recommendedInspirationKeywords, productRoomAssignments {product id: room}, analyzedAt; measured, from_rows and unknown list the fields that were not the judgement of a model.';
comment on column atelier.collections.own_settings is 'Partial generation settings that people gave; they win over what the analyses derive.';
comment on column atelier.collections.base_settings is
    'Partial generation settings shared by the assets of the collection: own_settings over what the inspirations suggest over the generationDefaults of the client. NULL before the first analysis.';
comment on column atelier.collections.error_message is 'Why the collection is in error, in plain words.';
comment on column atelier.collections.created_at is 'When the row was made.';
comment on column atelier.collections.updated_at is 'When the row was last changed; kept by a trigger.';
comment on column atelier.collections.completed_at is 'When the collection was completed; kept by a trigger.';

create table atelier.inspiration_images (
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    collection_id uuid not null,
    image_id uuid not null,
    source text not null,
    analysis jsonb,
    display_order integer not null default 0,
    job_id uuid,
    error_message text,
    created_at timestamptz not null default now(),
    constraint inspiration_images_pkey primary key (id),
    constraint inspiration_images_collection_id_image_id_key unique (collection_id, image_id),
    constraint inspiration_images_collection_fkey foreign key (client_id, collection_id)
        references atelier.collections (client_id, id) on delete cascade,
    constraint inspiration_images_image_fkey foreign key (client_id, image_id) references atelier.images (client_id, id) on delete cascade,
    constraint valid_source check (source in ('upload', 'unsplash', 'library')),
    constraint valid_analysis check (atelier_internal.scene_analysis_problem(analysis) is null)
);
create index idx_inspiration_images_collection on atelier.inspiration_images (collection_id);
create index idx_inspiration_images_image on atelier.inspiration_images (image_id);
create index idx_inspiration_images_job on atelier.inspiration_images (job_id) where job_id is not null;
comment on table atelier.inspiration_images is 'Pictures that the assets of a collection are to follow.';
comment on column atelier.inspiration_images.id is 'Identity of the inspiration.';
comment on column atelier.inspiration_images.client_id is 'The client that owns collection and image.';
comment on column atelier.inspiration_images.collection_id is 'The collection that it inspires.';
comment on column atelier.inspiration_images.image_id is 'The picture.';
comment on column atelier.inspiration_images.source is 'Where it came from: upload, unsplash or library (an image of the client, such as that of a pinned asset).';
comment on column atelier.inspiration_images.analysis is
    'What the analysis of the scene found: environment (indoor, outdoor, mixed, unspecified), suggestedRoomTypes, style, lighting, colorScheme, cameraAngle, colorPalette, materials {floor, walls, ceiling}, props, mood, and where known brightness, contrast (0 to 1) and orientation; measured, from_rows and unknown list the fields that were not the judgement of a model.';
comment on column atelier.inspiration_images.display_order is 'Place among the inspirations of the collection, lowest first.';
comment on column atelier.inspiration_images.job_id is 'The job that is analysing it; NULL when none is.';
comment on column atelier.inspiration_images.error_message is 'Why its last analysis failed; NULL when it did not.';
comment on column atelier.inspiration_images.created_at is 'When the row was made.';

create table atelier_internal.product_batches (
    collection_id uuid not null,
    number integer not null,
    product_ids uuid[] not null,
    job_id uuid,
    answer jsonb,
    error_message text,
    constraint product_batches_pkey primary key (collection_id, number),
    constraint product_batches_collection_fkey foreign key (collection_id) references atelier.collections (id) on delete cascade,
    constraint valid_number check (number >= 1)
);
create index product_batches_job on atelier_internal.product_batches (job_id) where job_id is not null;
comment on table atelier_internal.product_batches is
    'The analysis of products that is under way: so many products of a collection for each call of a provider. Gone when the analysis is concluded.';
comment on column atelier_internal.product_batches.collection_id is 'The collection.';
comment on column atelier_internal.product_batches.number is 'Number of the batch, from 1.';
comment on column atelier_internal.product_batches.product_ids is 'The products; a provider knows them by their places in this list, from 1.';
comment on column atelier_internal.product_batches.job_id is 'The job that is analysing them; NULL when it has ended.';
comment on column atelier_internal.product_batches.answer is 'What the provider said of them.';
comment on column atelier_internal.product_batches.error_message is 'Why their analysis failed; NULL when it did not.';

create table atelier_internal.collection_checks (
    id bigint generated by default as identity primary key,
    instance bigint not null default atelier_internal.instance_id(),
    collection_id uuid not null
);
comment on table atelier_internal.collection_checks is
    'Collections whose work may have ended while somebody held them locked: the worker looks at them again. No foreign key, whose lock would wait for that somebody.';
comment on column atelier_internal.collection_checks.id is 'Order of entry.';
comment on column atelier_internal.collection_checks.instance is 'Database that noted it: while another one is being restored from a dump, its worker must not take the check of a collection that is not there yet.';
comment on column atelier_internal.collection_checks.collection_id is 'The collection.';
