-- Assets that are made by a provider with a server: who may ask for them, what the order says, what becomes of them.
\set QUIET on
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create role providers_shop login in role atelier_app;
create role providers_other login in role atelier_app;
create role providers_dba login in role atelier_admin;
create function pg_temp.refusal(p_role text, p_command text) returns text language sql as $$
    select pg_temp.error_of(format('set local role %I; %s; reset role', p_role, p_command))
$$;
select atelier.create_client('Shop', 'providers-shop') as client \gset
select atelier.create_product(:'client', 'Oak chair', 'C', 'seating', metadata => '{"materials": ["oak"]}') as product \gset
select atelier.register_image(:'client', 'providers/chair.jpg') as photo \gset
select atelier.add_product_image(:'product', :'photo');
select pg_temp.lease_all();
select pg_temp.succeed(:'photo');
-- The whole test works for this client.
select atelier.set_context(pg_temp.member_of(:'client'));

-- An asset that a role asks of a provider; the id of the asset.
create function pg_temp.ask(p_role text, p_provider text, p_client uuid, p_product uuid, p_more jsonb default '{}') returns uuid language plpgsql as $$
declare
    v_id uuid;
begin
    execute format('set local role %I', p_role);
    execute 'select atelier.create_generation_request($1, $2, $3, provider => $4)' into v_id
      using p_client, p_product, '{"roomType": "bedroom", "style": "modern", "lighting": "soft", "colorScheme": "warm", "cameraAngle": "low", "aspectRatio": "16:9",
                                   "surroundings": "", "props": [], "varietyLevel": 5, "matchProductColors": true}'::jsonb || p_more, p_provider;
    reset role;
    return v_id;
end
$$;
select format('select pg_temp.ask(%L, %%L, %L, %L)', 'postgres', :'client', :'product') as asking \gset
create function pg_temp.ask_refusal(p_role text, p_provider text, p_client uuid, p_product uuid) returns text language sql as $$
    select pg_temp.refusal(p_role, format('select atelier.create_generation_request(%L, %L, %L, provider => %L)', p_client, p_product, pg_temp.whole(), p_provider))
$$;
create function pg_temp.outcome(p_asset uuid) returns text language sql volatile as $$
    select coalesce((select format('%s %s: %s', h.state, h.error_class, h.error_message) from atelier.job_history h where h.subject_id = p_asset),
                    (select j.state from atelier.jobs j where j.subject_id = p_asset))
$$;

-- Nobody's provider
select matches(pg_temp.ask_refusal('providers_shop', 'studio', :'client', :'product'),
               '^42704 \| provider "studio" does not exist \| You may use: offline\. A DBA makes a provider with CREATE SERVER studio FOREIGN DATA WRAPPER atelier_gemini', 'a provider without a server does not exist');
create foreign data wrapper providers_foreign;
create server studio foreign data wrapper providers_foreign;
grant usage on foreign server studio to providers_shop;
select matches(pg_temp.ask_refusal('providers_shop', 'studio', :'client', :'product'), '^42704', 'a server of another wrapper is no provider');
drop server studio;

-- USAGE
create server studio foreign data wrapper atelier_gemini options (timeout '90s');
create server spare foreign data wrapper atelier_openai options (image_model 'spare-model');
select is(pg_temp.ask_refusal('providers_shop', 'studio', :'client', :'product'), '42501 | permission denied for provider "studio" | GRANT USAGE ON FOREIGN SERVER studio TO providers_shop;', 'without USAGE the request is refused');
grant usage on foreign server studio, spare to providers_shop;
select is(pg_temp.ask_refusal('providers_shop', 'stduio', :'client', :'product'), '42704 | provider "stduio" does not exist | You may use: offline, spare, studio.', 'the hint lists what the caller may use');
select is(pg_temp.ask_refusal('providers_other', 'studio', :'client', :'product'), '42501 | permission denied for provider "studio" | GRANT USAGE ON FOREIGN SERVER studio TO providers_other;', 'the role in force counts');
create function pg_temp.in_definer(p_provider text) returns void language plpgsql security definer as $$ begin perform atelier_internal.require_provider(p_provider); end $$;
select throws_ok($$ do $do$ begin set local role providers_other; perform atelier_internal.caller(); end $do$ $$, '42501', null, 'caller() is not for everybody');
select is(pg_temp.refusal('providers_other', 'select pg_temp.in_definer(''studio'')'), '42501 | permission denied for provider "studio" | GRANT USAGE ON FOREIGN SERVER studio TO providers_other;', 'a SECURITY DEFINER function lends no provider');

-- A role that owns a table must not ask in the name of whoever rebuilds its index.
create table pg_temp.trap (a integer);
insert into pg_temp.trap values (1);
create function pg_temp.spring(a integer) returns text language plpgsql immutable as $$ begin return atelier_internal.caller(); end $$;
select is(pg_temp.error_of('create index on pg_temp.trap (pg_temp.spring(a))'),
          '42501 | jobs cannot be created within a security-restricted operation | Create them in a statement of your own, not in an index expression or a view that is being refreshed.',
          'within an index expression nobody is the caller');

-- Models
select is(pg_temp.ask_refusal('providers_shop', 'studio', :'client', :'product'),
          '22023 | provider "studio" has no model for assets of type image | It was asked for. | ALTER SERVER studio OPTIONS (ADD image_model ''...'');', 'a server without image_model is refused with the command');
alter server studio options (add image_model 'model-of-the-server');
select pg_temp.ask('providers_shop', 'studio', :'client', :'product') as asset \gset
select is((select (provider, model, created_by)::text from atelier.jobs where subject_id = :'asset'), '(studio,model-of-the-server,providers_shop)', 'the server names the model; the job knows who asked');
insert into atelier_internal.pipeline_models (pipeline, provider, model) values ('generate_image', 'studio', 'model-of-the-row');
select pg_temp.ask('providers_shop', 'studio', :'client', :'product', '{"aspectRatio": "4:5"}') as other \gset
select is((select model from atelier.jobs where subject_id = :'other'), 'model-of-the-row', 'a row of pipeline_models comes first');

-- The order
select pg_temp.lease_all();
select is(pg_temp.order_of(:'asset') - 'lease' - 'request', '{"action": "ai.image", "provider": "studio", "model": "model-of-the-server", "timeout_ms": 90000}'::jsonb, 'the order: action, provider, model, the timeout of the server');
select is(pg_temp.order_of(:'asset') -> 'request' ->> 'prompt', atelier.build_prompt(a.settings, a.product_id), 'its prompt is the preview''s') from atelier.generated_assets a where a.id = :'asset';
select is(pg_temp.order_of(:'asset') -> 'request' -> 'parameters', '{"aspect_ratio": "16:9"}'::jsonb, 'its parameters are neutral words');
select is(pg_temp.order_of(:'other') #>> '{request,parameters,aspect_ratio}', '4:5', 'of each asset''s own settings');
select ok(not pg_temp.order_of(:'asset') -> 'request' ? 'settings', 'and nothing else of the settings leaves');
select pg_temp.succeed(:'asset', '{"model": "model-that-answered"}');
select is((select i.metadata ->> 'model' from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = :'asset'), 'model-that-answered', 'the picture tells the model that answered');
select pg_temp.succeed(:'other');
select is((select i.metadata ->> 'model' from atelier.generated_assets a join atelier.images i on i.id = a.image_id where a.id = :'other'), 'model-of-the-row', 'or the one that was asked, where none was named');

select pg_temp.ask('providers_shop', 'spare', :'client', :'product') as asset \gset
select pg_temp.ask('postgres', 'offline', :'client', :'product') as embedded \gset
select pg_temp.lease_all();
select is(pg_temp.order_of(:'asset') ->> 'timeout_ms', '600000', 'a server without a timeout has ten minutes');
select ok(pg_temp.order_of(:'embedded') -> 'request' ? 'settings' and not pg_temp.order_of(:'embedded') -> 'request' ? 'parameters', 'the embedded provider gets the settings as they are');
select pg_temp.fail(:'embedded', 'content_blocked', 'test');
update atelier_internal.steps set timeout = '7 seconds' where pipeline = 'generate_image';
select pg_temp.ask('providers_shop', 'studio', :'client', :'product') as asset \gset
select pg_temp.lease_all();
select is(pg_temp.order_of(:'asset') ->> 'timeout_ms', '7000', 'the timeout of the step comes first');

-- What changed since the request is seen at the lease, and costs nobody else anything
select pg_temp.ask('providers_shop', 'studio', :'client', :'product') as revoked \gset
select pg_temp.ask('postgres', 'studio', :'client', :'product') as kept \gset
revoke usage on foreign server studio from providers_shop;
select pg_temp.lease_all();
select is(pg_temp.outcome(:'revoked'), 'failed invalid_request: role "providers_shop", which created the job, has no USAGE on foreign server "studio" any more', 'REVOKE: the job fails unsent');
select is((select (status, error_message)::text from atelier.generated_assets where id = :'revoked'), '(error,"role ""providers_shop"", which created the job, has no USAGE on foreign server ""studio"" any more")', 'and so does its asset');
select is(pg_temp.outcome(:'kept'), 'leased', 'a job of another role goes on');
select ok(not (select sent from atelier.attempts where job_id = (select job_id from atelier.generated_assets where id = :'revoked')), 'nothing left the machine');
select is((select state from atelier.lanes where provider = 'studio' and model = 'model-of-the-row'), 'open', 'the lane stays open');
grant usage on foreign server studio to providers_shop;
select pg_temp.ask('providers_shop', 'studio', :'client', :'product') as dropped \gset
drop server studio;
select pg_temp.lease_all();
select is(pg_temp.outcome(:'dropped'), 'failed invalid_request: provider "studio" does not exist any more', 'DROP SERVER: the job fails unsent');
select pg_temp.ask('providers_shop', 'spare', :'client', :'product') as orphan \gset
drop owned by providers_shop;
drop role providers_shop;
select pg_temp.lease_all();
select is(pg_temp.outcome(:'orphan'), 'failed invalid_request: role "providers_shop", which created the job, does not exist any more', 'DROP ROLE: the job fails unsent');

-- Lanes of providers that had no job yet
select is(pg_temp.refusal('providers_dba', 'select atelier.set_lane_limit(''spare'', ''next-model'', 3)'), 'no error', 'a DBA limits a lane before its first job');
select is((select max_in_flight from atelier.lanes where provider = 'spare' and model = 'next-model'), 3, 'and it is there');
select is(pg_temp.refusal('providers_dba', 'select atelier.set_lane_limit(''sprae'', ''next-model'', 3)'), '42704 | provider "sprae" does not exist | SELECT provider FROM atelier.providers and SELECT store FROM atelier.stores list them.', 'a lane of nobody is refused');
select is(pg_temp.refusal('providers_dba', 'select atelier.set_lane_limit(''studio'', ''model-of-the-row'', 3)'), 'no error', 'the lane of a server that was dropped can still be limited');

-- A key that stands in a mapping is in nothing that pg_atelier shows or keeps. The search does not spell it, so as not to find itself.
create server planted foreign data wrapper atelier_gemini options (image_model 'm');
create user mapping for atelier_owner server planted options (api_key 'sk-PLANTED-7f3a');
grant usage on foreign server planted to providers_other;
select pg_temp.ask('providers_other', 'planted', :'client', :'product') as sent \gset
select pg_temp.ask('providers_other', 'planted', :'client', :'product') as refused \gset
select pg_temp.lease_all();
select pg_temp.fail(:'refused', 'auth', 'the service refuses the credentials');
create function pg_temp.relations_with(p_mark text) returns text[] language plpgsql as $$
declare
    v_relation regclass;
    v_found text[] := '{}';
    v_rows bigint;
begin
    for v_relation in
        select c.oid from pg_class c
         where c.relkind in ('r', 'v', 'm') and has_table_privilege(c.oid, 'select')
           and (c.relnamespace in ('atelier'::regnamespace, 'atelier_internal'::regnamespace)
                or c.oid::regclass::text in ('pg_foreign_server', 'pg_stat_activity', 'pg_user_mappings', 'pg_user_mapping', 'pg_stat_statements'))
         order by c.relname
    loop
        execute format('select count(*) from %s t where t::text like ''%%'' || $1 || ''%%''', v_relation) into v_rows using p_mark;
        if v_rows > 0 then
            v_found := v_found || v_relation::text;
        end if;
    end loop;
    return v_found;
end
$$;
select is(pg_temp.relations_with('sk-PLAN' || 'TED'), array['pg_user_mapping', 'pg_user_mappings'], 'a planted key stands in the catalog''s mapping alone, as superusers see it');
create function pg_temp.relations_for(p_role text, p_mark text) returns text[] language plpgsql as $$
declare
    v_found text[];
begin
    execute format('grant usage on schema %s to %I', pg_my_temp_schema()::regnamespace, p_role);
    execute format('set local role %I', p_role);
    v_found := pg_temp.relations_with(p_mark);
    reset role;
    return v_found;
end
$$;
select is(pg_temp.relations_for('providers_dba', 'sk-PLAN' || 'TED'), '{}', 'a member of atelier_admin finds it nowhere');
select is(pg_temp.relations_for('providers_dba', 'model-of-the-row') @> array['atelier.jobs'], true, 'where it would find it');
select is((select string_agg(t::text, ' ') from (select c::text from atelier.self_check() c union all select e::text from atelier.explain_job((select job_id from atelier.generated_assets where id = :'sent')) e) s (t)) like '%sk-PLAN%',
          false, 'nor does self_check or explain_job tell it');
select * from finish();
rollback;
