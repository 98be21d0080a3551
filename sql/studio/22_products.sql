-- What is photographed: products, the stored images, and which image shows which product. The keys that other tables refer to
-- begin with client_id, so that a link between two tenants is refused by the database itself.

create table atelier.products (
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    name text not null,
    sku text not null,
    category text not null,
    room_types text[] not null default '{}',
    metadata jsonb,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint products_pkey primary key (id),
    constraint products_client_id_id_key unique (client_id, id),
    constraint products_client_id_sku_key unique (client_id, sku),
    constraint products_client_id_fkey foreign key (client_id) references atelier.clients (id) on delete cascade,
    constraint valid_name check (char_length(btrim(name)) between 1 and 500),
    constraint valid_sku check (char_length(btrim(sku)) between 1 and 200),
    constraint valid_category check (char_length(btrim(category)) between 1 and 200),
    constraint valid_room_types check (cardinality(room_types) <= 100 and atelier_internal.is_text_array(room_types)),
    constraint valid_metadata check (atelier_internal.product_metadata_problem(metadata) is null)
);
create index idx_products_metadata on atelier.products using gin (metadata jsonb_path_ops);
comment on table atelier.products is 'Products of a client, of which pictures are made.';
comment on column atelier.products.id is 'Identity of the product.';
comment on column atelier.products.client_id is 'The client that owns the product.';
comment on column atelier.products.name is 'Name for people, 1 to 500 characters; it is in the prompt.';
comment on column atelier.products.sku is 'Stock keeping unit, unique for the client.';
comment on column atelier.products.category is 'Category, in the words of the client.';
comment on column atelier.products.room_types is 'Rooms the product belongs in.';
comment on column atelier.products.metadata is
    'dimensions {width, height, depth, unit}, materials, colors, tags (lists of texts), customFields (object); all optional, unknown keys are kept.';
comment on column atelier.products.created_at is 'When the row was made.';
comment on column atelier.products.updated_at is 'When the row was last changed; kept by a trigger.';

create table atelier.images (
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    store text not null default 'file',
    s3_bucket text not null default '',
    s3_key text collate "C" not null,
    url text,
    status text not null default 'pending',
    width integer,
    height integer,
    file_size bigint,
    mime_type text,
    sha256 text,
    metadata jsonb,
    job_id uuid,
    moving_to text,
    error_class text,
    error_message text,
    created_at timestamptz not null default now(),
    constraint images_pkey primary key (id),
    constraint images_client_id_id_key unique (client_id, id),
    constraint images_store_s3_bucket_s3_key_key unique (store, s3_bucket, s3_key),
    constraint images_client_id_fkey foreign key (client_id) references atelier.clients (id) on delete cascade,
    constraint valid_store check (char_length(store) between 1 and 63),
    constraint valid_key check (atelier_internal.object_key_problem(s3_key) is null),
    constraint valid_url check (char_length(url) between 1 and 2048),
    constraint valid_status check (status in ('pending', 'ready', 'failed', 'deleting')),
    constraint valid_width check (width > 0),
    constraint valid_height check (height > 0),
    constraint valid_file_size check (file_size >= 0),
    constraint valid_mime_type check (mime_type ~ '^[a-z]+/[a-z0-9.+-]+$'),
    constraint valid_sha256 check (sha256 ~ '^[0-9a-f]{64}$'),
    constraint valid_metadata check (atelier_internal.image_metadata_problem(metadata) is null),
    constraint ready_is_measured check (status <> 'ready' or num_nulls(width, height, file_size, mime_type, sha256) = 0),
    constraint failed_has_message check (num_nulls(error_class, error_message) = case when status = 'failed' then 0 else 2 end),
    constraint valid_moving_to check (char_length(moving_to) between 1 and 63 and moving_to <> store)
);
create index idx_images_client on atelier.images (client_id);
create index idx_images_unsettled on atelier.images (status) where status in ('pending', 'failed', 'deleting');
create index idx_images_moving on atelier.images (moving_to, s3_key) where moving_to is not null;
comment on table atelier.images is
    'Stored pictures: uploads, generated ones, inspirations. The bytes are in the store; the row says where, and what was measured there.';
comment on column atelier.images.id is 'Identity of the image.';
comment on column atelier.images.client_id is 'The client that owns the image.';
comment on column atelier.images.store is 'Name of the store that holds the object; file is embedded.';
comment on column atelier.images.s3_bucket is 'Bucket in the store; empty for the store file, and for a photo that stays at its library.';
comment on column atelier.images.s3_key is 'Key of the object in the store, at most 1024 bytes. Stored once and never computed again.';
comment on column atelier.images.url is 'Where a photo that stays at its library is shown and read from; of an object in a store it says nothing. Addresses for readers come from atelier.image_url().';
comment on column atelier.images.status is 'pending (waiting for its bytes, or being inspected), ready (measured and usable), failed (see error_message) or deleting (its object is being removed, and the row follows).';
comment on column atelier.images.width is 'Width in pixels, measured from the bytes.';
comment on column atelier.images.height is 'Height in pixels, measured from the bytes.';
comment on column atelier.images.file_size is 'Size of the object in bytes.';
comment on column atelier.images.mime_type is 'Media type, told from the bytes.';
comment on column atelier.images.sha256 is 'SHA-256 of the object, 64 hexadecimal digits.';
comment on column atelier.images.metadata is
    'source (upload, generated or unsplash), originalFilename, altText, caption, exif; all optional. Generated images add provider, model, prompt and what the provider reported.';
comment on column atelier.images.job_id is 'Last job that inspected or moved the object; no foreign key, since the job goes first.';
comment on column atelier.images.moving_to is 'Store that the object is being moved to; null: none.';
comment on column atelier.images.error_class is 'Error class of a failed inspection.';
comment on column atelier.images.error_message is 'Why the inspection failed, in plain words.';
comment on column atelier.images.created_at is 'When the row was made.';

create table atelier.product_images (
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    product_id uuid not null,
    image_id uuid not null,
    is_primary boolean not null default false,
    display_order integer not null default 0,
    constraint product_images_pkey primary key (id),
    constraint product_images_product_id_image_id_key unique (product_id, image_id),
    constraint product_images_product_fkey foreign key (client_id, product_id) references atelier.products (client_id, id) on delete cascade,
    constraint product_images_image_fkey foreign key (client_id, image_id) references atelier.images (client_id, id) on delete cascade
);
create unique index idx_product_images_primary on atelier.product_images (product_id) where is_primary;
create index idx_product_images_image on atelier.product_images (image_id);
comment on table atelier.product_images is 'Which images show which product. The primary one is given to the provider.';
comment on column atelier.product_images.id is 'Identity of the link.';
comment on column atelier.product_images.client_id is 'The client that owns product and image.';
comment on column atelier.product_images.product_id is 'The product.';
comment on column atelier.product_images.image_id is 'The image that shows it.';
comment on column atelier.product_images.is_primary is 'True for the one image that stands for the product.';
comment on column atelier.product_images.display_order is 'Place among the images of the product, lowest first.';
