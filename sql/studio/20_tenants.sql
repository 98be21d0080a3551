-- Who owns: clients (the tenants), users, and who belongs to which client.

create table atelier.clients (
    id uuid not null default gen_random_uuid(),
    name text not null,
    slug text not null,
    settings jsonb not null default '{}',
    tier text not null default 'free',
    daily_generations integer,
    legal_hold text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint clients_pkey primary key (id),
    constraint clients_slug_key unique (slug),
    constraint valid_name check (char_length(btrim(name)) between 1 and 500),
    constraint valid_slug check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and char_length(slug) <= 100),
    constraint valid_settings check (atelier_internal.client_settings_problem(settings) is null),
    constraint valid_tier check (char_length(tier) between 1 and 63),
    constraint valid_daily_generations check (daily_generations >= 0),
    constraint valid_legal_hold check (char_length(btrim(legal_hold)) between 1 and 1000)
);
create index idx_clients_on_hold on atelier.clients (id) where legal_hold is not null;
comment on table atelier.clients is 'The tenants. Every product, image, collection and generated asset belongs to exactly one client and goes with it.';
comment on column atelier.clients.id is 'Identity of the client.';
comment on column atelier.clients.name is 'Name for people, 1 to 500 characters.';
comment on column atelier.clients.slug is 'Short unique name for addresses: lower-case letters and digits in groups joined by hyphens.';
comment on column atelier.clients.settings is
    'generationDefaults (partial generation settings, merged under each request), monthlyGenerationLimit (whole number), allowedFileTypes (list of mime types); all optional, unknown keys are kept.';
comment on column atelier.clients.tier is 'What the client pays for; its limits stand in atelier.tiers.';
comment on column atelier.clients.daily_generations is 'Generations a day for this client alone, instead of those of its tier; null: those of the tier.';
comment on column atelier.clients.legal_hold is 'Why nothing of the client may be purged or erased; null: it may.';
comment on column atelier.clients.created_at is 'When the row was made.';
comment on column atelier.clients.updated_at is 'When the row was last changed; kept by a trigger.';

create table atelier.users (
    id uuid not null default gen_random_uuid(),
    email text not null,
    name text not null,
    email_verified boolean not null default false,
    created_at timestamptz not null default now(),
    constraint users_pkey primary key (id),
    constraint valid_email check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and char_length(email) <= 320),
    constraint valid_name check (char_length(btrim(name)) between 1 and 500)
);
create unique index users_email_key on atelier.users (lower(email));
comment on table atelier.users is 'People. No credentials are kept: signing in is the business of the application.';
comment on column atelier.users.id is 'Identity of the user.';
comment on column atelier.users.email is 'Address, unique without regard to case.';
comment on column atelier.users.name is 'Name for people, 1 to 500 characters.';
comment on column atelier.users.email_verified is 'Whether the application has verified the address.';
comment on column atelier.users.created_at is 'When the row was made.';

create table atelier.members (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    client_id uuid not null,
    role text not null default 'member',
    status text not null default 'invited',
    created_at timestamptz not null default now(),
    invited_email text,
    constraint members_pkey primary key (id),
    constraint members_user_id_client_id_key unique (user_id, client_id),
    constraint members_user_id_fkey foreign key (user_id) references atelier.users (id) on delete cascade,
    constraint members_client_id_fkey foreign key (client_id) references atelier.clients (id) on delete cascade,
    constraint valid_role check (role in ('owner', 'admin', 'member', 'viewer')),
    constraint valid_status check (status in ('invited', 'active', 'suspended')),
    constraint valid_invited_email check (char_length(invited_email) between 1 and 320)
);
create index idx_members_client on atelier.members (client_id);
comment on table atelier.members is 'Which user belongs to which client, in which role.';
comment on column atelier.members.id is 'Identity of the membership.';
comment on column atelier.members.user_id is 'The user.';
comment on column atelier.members.client_id is 'The client.';
comment on column atelier.members.role is 'owner, admin, member or viewer.';
comment on column atelier.members.status is 'invited, active or suspended; only active counts.';
comment on column atelier.members.created_at is 'When the row was made.';
comment on column atelier.members.invited_email is 'Address that the invitation was written to, while it is one; null: none is known.';
