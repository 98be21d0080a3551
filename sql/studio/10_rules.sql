-- What the studio's rules read: small tables that a later version extends by rows.

create table atelier_internal.status_transitions (
    entity text not null,
    from_status text not null,
    to_status text not null,
    built_in boolean not null default false,
    extension text,
    constraint status_transitions_once unique nulls not distinct (entity, from_status, to_status, extension),
    constraint transition_changes check (from_status <> to_status)
);
comment on table atelier_internal.status_transitions is
    'Every status change that an UPDATE may make; any other one is refused. Rows that are inserted may have any status, so that a dump can be restored.';
comment on column atelier_internal.status_transitions.entity is 'What the status belongs to: generated_asset, collection or image, or an entity of another extension.';
comment on column atelier_internal.status_transitions.from_status is 'Status before the change.';
comment on column atelier_internal.status_transitions.to_status is 'Status after the change.';
comment on column atelier_internal.status_transitions.built_in is 'True for rows of the install script, which a dump leaves out.';
comment on column atelier_internal.status_transitions.extension is 'Extension that registered it, while which is absent it is ignored; a dump leaves it out. Null: none.';

-- The line is draft, pending, generating, completed or error. Two more changes are needed: pending to error (a cancelled
-- request, or a photo that turned out to be unreadable) and error to pending (retry_asset keeps the id).
-- Of a collection the line is draft, analyzing, ready, generating, completed or error; what was analysed or made can be analysed
-- or made again, and another selection of products makes it a draft.
insert into atelier_internal.status_transitions (entity, from_status, to_status, built_in) values
    ('generated_asset', 'draft', 'pending', true),
    ('generated_asset', 'pending', 'generating', true),
    ('generated_asset', 'pending', 'error', true),
    ('generated_asset', 'generating', 'completed', true),
    ('generated_asset', 'generating', 'error', true),
    ('generated_asset', 'error', 'pending', true),
    ('collection', 'draft', 'analyzing', true),
    ('collection', 'analyzing', 'ready', true),
    ('collection', 'analyzing', 'error', true),
    ('collection', 'analyzing', 'draft', true),
    ('collection', 'ready', 'analyzing', true),
    ('collection', 'ready', 'generating', true),
    ('collection', 'ready', 'draft', true),
    ('collection', 'generating', 'completed', true),
    ('collection', 'generating', 'error', true),
    ('collection', 'completed', 'analyzing', true),
    ('collection', 'completed', 'generating', true),
    ('collection', 'completed', 'draft', true),
    ('collection', 'error', 'analyzing', true),
    ('collection', 'error', 'ready', true),
    ('collection', 'error', 'generating', true),
    ('collection', 'error', 'draft', true),
    ('image', 'pending', 'ready', true),
    ('image', 'pending', 'failed', true),
    ('image', 'failed', 'pending', true),
    ('image', 'pending', 'deleting', true),
    ('image', 'ready', 'deleting', true),
    ('image', 'failed', 'deleting', true)
on conflict on constraint status_transitions_once do update set built_in = true;

create table atelier_internal.settings_vocabulary (
    field text not null,
    value text not null,
    built_in boolean not null default false,
    constraint settings_vocabulary_pkey primary key (field, value)
);
comment on table atelier_internal.settings_vocabulary is
    'Known values of the generation settings that are words. Enforced when a request is made, while pg_atelier.settings_strict is on; add rows to teach the studio new words.';
comment on column atelier_internal.settings_vocabulary.field is 'Key of the settings, for example roomType.';
comment on column atelier_internal.settings_vocabulary.value is 'A value that the key may have.';
comment on column atelier_internal.settings_vocabulary.built_in is 'True for rows of the install script, which a dump leaves out.';

insert into atelier_internal.settings_vocabulary (field, value, built_in)
select known.field, word.value, true
  from (values
    ('roomType', array['living_room', 'bedroom', 'kitchen', 'bathroom', 'dining_room', 'office', 'hallway', 'outdoor', 'studio', 'unspecified']),
    ('style', array['modern', 'scandinavian', 'industrial', 'rustic', 'classic', 'minimalist', 'bohemian', 'japandi', 'unspecified']),
    ('lighting', array['natural', 'morning', 'golden_hour', 'evening', 'studio', 'dramatic', 'soft', 'unspecified']),
    ('colorScheme', array['neutral', 'warm', 'cool', 'earthy', 'pastel', 'monochrome', 'vibrant', 'unspecified']),
    ('cameraAngle', array['eye_level', 'low', 'high', 'three_quarter', 'close_up', 'unspecified']),
    ('aspectRatio', array['1:1', '4:3', '3:4', '3:2', '2:3', '16:9', '9:16', '4:5', '5:4']),
    ('promptMode', array['opening', 'replace'])
  ) as known (field, words)
 cross join lateral unnest(known.words) as word (value)
on conflict on constraint settings_vocabulary_pkey do update set built_in = true;

create table atelier_internal.asset_pipelines (
    asset_type text not null,
    pipeline text not null,
    built_in boolean not null default false,
    constraint asset_pipelines_pkey primary key (asset_type),
    constraint asset_pipelines_pipeline_fkey foreign key (pipeline) references atelier_internal.pipelines (name)
);
comment on table atelier_internal.asset_pipelines is
    'Which pipeline makes which type of asset. A type without a row is refused when it is requested.';
comment on column atelier_internal.asset_pipelines.asset_type is 'Type of asset, as in generated_assets.type.';
comment on column atelier_internal.asset_pipelines.pipeline is 'Name of the pipeline.';
comment on column atelier_internal.asset_pipelines.built_in is 'True for rows of the install script, which a dump leaves out.';

create table atelier_internal.pipeline_models (
    pipeline text not null,
    provider text not null,
    model text not null,
    built_in boolean not null default false,
    constraint pipeline_models_pkey primary key (pipeline, provider),
    constraint pipeline_models_pipeline_fkey foreign key (pipeline) references atelier_internal.pipelines (name)
);
comment on table atelier_internal.pipeline_models is
    'The model that a pipeline asks of a provider, where that is not the one named by the options of the provider''s server.';
comment on column atelier_internal.pipeline_models.pipeline is 'Name of the pipeline.';
comment on column atelier_internal.pipeline_models.provider is 'Name of the provider; offline is embedded.';
comment on column atelier_internal.pipeline_models.model is 'Model that is asked for.';
comment on column atelier_internal.pipeline_models.built_in is 'True for rows of the install script, which a dump leaves out.';

create function atelier_internal.require(p_parameter text, p_given boolean) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if not p_given then
        raise exception '% must not be null', p_parameter
            using errcode = 'null_value_not_allowed', hint = format('Give a value for %s.', p_parameter);
    end if;
end
$$;
comment on function atelier_internal.require(text, boolean) is 'Raises 22004 naming the parameter when it was not given.';
