-- Who does what is asked for: pipeline, provider and model, and the store for what comes of it.

create function atelier_internal.pipeline_route(p_pipeline text, p_provider text, p_purpose text, out provider text, out model text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_option text;
begin
    pipeline_route.provider := coalesce(p_provider, atelier_internal.setting('default_provider'));
    perform atelier_internal.require_provider(pipeline_route.provider);
    select replace(s.action, 'ai.', '') || '_model' into v_option
      from atelier_internal.steps s where s.pipeline = p_pipeline and s.position = 1;
    select m.model into pipeline_route.model from atelier_internal.pipeline_models m
     where m.pipeline = p_pipeline and m.provider = pipeline_route.provider;
    if not found then
        pipeline_route.model := atelier_internal.provider_option(pipeline_route.provider, v_option);
    end if;
    if pipeline_route.model is null then
        raise exception 'provider "%" has no model for %', left(pipeline_route.provider, 200), p_purpose
            using errcode = 'invalid_parameter_value',
                  detail = case when p_provider is null then 'It is the value of pg_atelier.default_provider.' else 'It was asked for.' end,
                  hint = case when atelier_internal.is_embedded(pipeline_route.provider) then 'The embedded provider is named "offline".'
                              when atelier_internal.is_store(pipeline_route.provider) then 'It is a store. SELECT provider FROM atelier.providers lists the providers.'
                              when atelier_internal.is_photo_library(pipeline_route.provider)
                                  then 'It is a server of Unsplash, which has photos and makes none. SELECT provider FROM atelier.providers lists the providers.'
                              else format('ALTER SERVER %I OPTIONS (ADD %s ''...'');', pipeline_route.provider, v_option) end;
    end if;
end
$$;
comment on function atelier_internal.pipeline_route(text, text, text) is
    'Provider and model for the first step of a pipeline. The model is that of pipeline_models, else the one that the provider''s server names for the action. 22023 for a provider without a model, saying for what purpose it was asked; 42704 for an unknown provider, 42501 without USAGE on it.';

create function atelier_internal.require_priority(p_priority integer) returns smallint
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require('priority', p_priority is not null);
    if p_priority not between -100 and 100 then
        raise exception 'priority % is out of range', p_priority
            using errcode = 'invalid_parameter_value', hint = 'Use -100 (first) to 100 (last); 0 is usual.';
    end if;
    return p_priority;
end
$$;
comment on function atelier_internal.require_priority(integer) is 'The priority as jobs hold it; 22004 for NULL, 22023 out of range.';

create function atelier_internal.generation_route(p_type text, p_provider text, out pipeline text, out provider text, out model text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform atelier_internal.require('type', p_type is not null);
    if p_type not in ('image', 'video', '3d_render') then
        raise exception 'type "%" is not known', left(p_type, 200)
            using errcode = 'invalid_parameter_value', hint = 'Types are: image, video, 3d_render.';
    end if;
    select a.pipeline into generation_route.pipeline from atelier_internal.asset_pipelines a where a.asset_type = p_type;
    if not found then
        raise exception 'assets of type % cannot be made', p_type
            using errcode = 'feature_not_supported', detail = 'No pipeline is configured for this type.',
                  hint = (select 'Types that can be made: ' || string_agg(a.asset_type, ', ' order by a.asset_type) || '.'
                            from atelier_internal.asset_pipelines a);
    end if;
    select r.provider, r.model into generation_route.provider, generation_route.model
      from atelier_internal.pipeline_route(generation_route.pipeline, p_provider, 'assets of type ' || p_type) r;
end
$$;
comment on function atelier_internal.generation_route(text, text) is
    'Pipeline, provider and model for an asset. As pipeline_route; 22023 for an unknown type, 0A000 for a type that no pipeline makes.';

create function atelier_internal.output_store() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_store text := atelier_internal.setting('default_store');
begin
    if not atelier_internal.is_store(v_store) then
        raise exception 'store "%" does not exist', left(v_store, 200)
            using errcode = 'undefined_object', detail = 'It is the value of pg_atelier.default_store.',
                  hint = 'SELECT store FROM atelier.stores lists the stores.';
    end if;
    perform atelier_internal.require_store(v_store);
    return v_store;
end
$$;
comment on function atelier_internal.output_store() is
    'The store for new pictures, pg_atelier.default_store; 42704 when it is none, 42501 when the caller has no USAGE on its foreign server.';
