begin;
\ir include/studio.psql
select no_plan();

-- Two clients at work, made by the functions: nothing is wrong. Then one row after the other is broken by hand.
create role views_dba login in role atelier_admin;
create role views_observer login in role atelier_observer;
select pg_temp.start_engine() \gset i_
select atelier.create_client('North', 'views-north') as client, atelier.create_client('South', 'views-south') as other \gset
insert into atelier.users (email, name) values ('ann@example.com', 'Ann') returning id as ann \gset
insert into atelier.members (user_id, client_id, status) values (:'ann', :'client', 'active');
select atelier.create_product(:'client', 'Chair', 'C-1', 'chair') as product, atelier.register_image(:'client', 'views/chair.png') as photo \gset
select atelier.add_product_image(:'product', :'photo') \gset i_
select pg_temp.lease_all() \gset i_
select pg_temp.succeed(:'photo') \gset i_
select atelier.create_generation_request(:'client', :'product', pg_temp.whole()) as done \gset
select pg_temp.lease_all() \gset i_
select pg_temp.succeed(:'done') \gset i_
select atelier.create_generation_request(:'client', :'product', pg_temp.whole()) as waiting,
       atelier.create_generation_request(:'client', :'product', pg_temp.whole()) as running \gset
update atelier.images set file_size = case id when :'photo' then 1000 else 5000 end;
select job_id as job from atelier.generated_assets where id = :'waiting' \gset
select image_id as picture from atelier.generated_assets where id = :'done' \gset
insert into atelier.collections (client_id, name, selected_product_ids) values (:'client', 'All', array[:'product'::uuid]) returning id as collection \gset

select is_empty('select * from atelier.consistency_report', 'of rows that functions made the report has nothing');
set local role views_dba;
select is_empty('select * from atelier.consistency_report', 'nor has it for an operator');
reset role;
set local role views_observer;
select is_empty('select * from atelier.consistency_report', 'nor for an observer');
reset role;

-- Breaks a row, and tells which rules the report then names.
create function pg_temp.broken_by(p_command text) returns text language plpgsql as $$
declare
    v_rules text;
begin
    begin
        set local session_replication_role = replica;
        execute p_command;
        set local role views_dba;
        select string_agg(distinct c.rule, ' ' order by c.rule) into v_rules from atelier.consistency_report c;
        raise exception using errcode = 'ZZZZZ';
    exception when sqlstate 'ZZZZZ' then
        return v_rules;
    end;
end
$$;
create temporary table breaks as
select *
  from (values
    ('asset_without_job', 'a job is deleted by hand', 'delete from atelier_internal.jobs where id = :job'),
    ('asset_of_completed_job', 'an asset is in error whose job completed',
     $$update atelier.generated_assets set status = 'error', error_message = 'x' where id = :asset;
       insert into atelier_internal.history_completed (ring, job_id, instance, pipeline, lane_id, subject_id, client_id, attempts, crashes, created_at)
       select 0, j.id, j.instance, j.pipeline, j.lane_id, j.subject_id, j.client_id, 1, 0, now() from atelier_internal.jobs j where j.id = :job$$),
    ('asset_without_picture', 'the picture of a completed asset goes',
     $$update atelier.images set status = 'deleting' where id = (select image_id from atelier.generated_assets where id = :done)$$),
    ('collection_completed_early', 'a collection is completed while an asset is under way',
     $$update atelier.collections set status = 'completed', completed_at = now() where id = :collection;
       update atelier.generated_assets set collection_id = :collection where id = :asset$$),
    ('collection_without_work', 'a collection generates nothing', $$update atelier.collections set status = 'generating' where id = :collection$$),
    ('collection_without_analysis', 'a collection analyses nothing', $$update atelier.collections set status = 'analyzing' where id = :collection$$),
    ('inspiration_without_job', 'the job of an inspiration is gone',
     $$insert into atelier.inspiration_images (client_id, collection_id, image_id, source, job_id) values (:client, :collection, :photo, 'upload', gen_random_uuid())$$),
    ('batch_without_job', 'the job of a batch is gone',
     $$insert into atelier_internal.product_batches (collection_id, number, product_ids, job_id) values (:collection, 1, '{}', gen_random_uuid())$$),
    ('image_without_job', 'the job of a pending image is gone',
     $$update atelier.images set status = 'pending', job_id = null where id = :photo$$),
    ('image_not_queued', 'an image is deleting, and nobody deletes it', $$update atelier.images set status = 'deleting' where id = :photo$$),
    ('move_without_job', 'an image moves without a job', $$update atelier.images set moving_to = 'elsewhere' where id = :photo$$),
    ('deletion_without_job', 'a deletion waits for a job that is gone',
     $$insert into atelier_internal.object_deletions (store, key, reason, job_id) values ('file', 'x', 'test', gen_random_uuid())$$),
    ('job_without_subject', 'an asset is deleted past the triggers', 'delete from atelier.generated_assets where id = :asset'),
    ('job_never_runs', 'a job is neither queued nor deferred',
     'update atelier_internal.jobs set sequence = null where id = :job; delete from atelier_internal.queue_entries where job_id = :job'),
    ('job_not_queued', 'a queue entry is deleted', 'delete from atelier_internal.queue_entries where job_id = :job'),
    ('job_not_deferred', 'a deferral is missing',
     $$update atelier_internal.jobs set sequence = null, run_after = now() + '1 day' where id = :job; delete from atelier_internal.queue_entries where job_id = :job$$),
    ('job_without_deadline', 'nothing ends a job that must begin soon', $$update atelier_internal.jobs set start_by = now() + '1 hour' where id = :job$$),
    ('job_not_parked', 'a job is held for a pause of which nothing reminds',
     $$update atelier_internal.jobs set state = 'held', reason = 'paused', sequence = null where id = :job; delete from atelier_internal.queue_entries where job_id = :job$$),
    ('job_out_of_order', 'a job has no place under its order key', $$update atelier_internal.jobs set order_key = 'k', order_sequence = 1 where id = :job$$),
    ('place_without_job', 'a place under an order key is of no job',
     $$insert into atelier_internal.ordered_jobs (client_id, order_key, sequence, job_id) values (:client, 'k', 1, gen_random_uuid())$$),
    ('job_not_held_for_budget', 'a job is held for a budget of which nothing reminds',
     $$update atelier_internal.jobs set state = 'held', reason = 'over_budget', sequence = null where id = :job; delete from atelier_internal.queue_entries where job_id = :job$$),
    ('hold_without_job', 'what waits for a budget is no job',
     $$insert into atelier_internal.budget_holds (job_id, instance, budget_id, priority, provider, model, amount) values (gen_random_uuid(), 1, 1, 0, 'p', 'm', 1)$$),
    ('reserve_without_lease', 'money is reserved for nothing',
     $$insert into atelier_internal.reserves (attempt_id, job_id, client_id, provider, model, day, amount, currency) values (-1, :job, :client, 'p', 'm', now()::date, 1, 'USD')$$),
    ('budget_out_of_step', 'what was spent is forgotten',
     $$with b as (insert into atelier_internal.budgets (period, amount, currency) values ('day', 1, 'USD') returning id)
       insert into atelier_internal.budget_usage (budget_id, starts, spent, reserved) select b.id, now()::date, 1, 0 from b$$),
    ('lease_without_attempt', 'a lease has no attempt',
     $$update atelier_internal.jobs set state = 'leased', sequence = null, token = 1, epoch = 1, attempt_id = 1, attempt_ring = 1 where id = :job;
       delete from atelier_internal.queue_entries where job_id = :job$$),
    ('entry_without_job', 'a queue entry has no job',
     'insert into atelier_internal.queue_entries (instance, lane_id, tenant_id, priority, sequence, job_id) values (1, 1, gen_random_uuid(), 0, 1, gen_random_uuid())'),
    ('child_without_job', 'a job that another one waits for is of no use any more',
     $$insert into atelier_internal.job_children (parent_id, position, place, job_id, pipeline, client_id, input) values (gen_random_uuid(), 1, 1, gen_random_uuid(), 'x', :client, '1')$$),
    ('child_not_waited_for', 'nobody waits for what a job made', 'update atelier_internal.jobs set parent_id = id where id = :job'),
    ('step_runs_again', 'a job stands at a step that is done',
     $$insert into atelier_internal.step_results (job_id, position, pipeline, label, phase, client_id) values (:job, 1, 'x', 'x', 'action', :client)$$),
    ('step_not_known', 'a job stands at a step that there is not', 'update atelier_internal.jobs set step = 99 where id = :job'),
    ('member_of_several', 'a user is active in two clients',
     $$insert into atelier.members (user_id, client_id, status) select m.user_id, c.id, 'active' from atelier.members m, atelier.clients c where c.id <> m.client_id$$),
    ('client_without_tier', 'a client has a tier that does not exist', $$update atelier.clients set tier = 'gold' where id = :client$$),
    ('usage_below_zero', 'more was given back than counted',
     $$update atelier_internal.usage_counts set used = -1 where client_id = :client$$)
  ) as b (rule, deed, command);
select alike(pg_temp.broken_by(replace(replace(replace(replace(replace(replace(b.command, ':asset', quote_literal(:'waiting')), ':job', quote_literal(:'job')),
                                   ':collection', quote_literal(:'collection')), ':client', quote_literal(:'client')), ':photo', quote_literal(:'photo')), ':done', quote_literal(:'done'))),
             '%' || b.rule || '%', format('rule %s: %s', b.rule, b.deed))
  from breaks b;
select results_eq($$ select m[1] from regexp_matches(pg_get_viewdef('atelier.consistency_report'), $re$'([a-z_]+)'::text AS rule$re$, 'g') as m order by 1 $$,
    'select rule from breaks order by 1', 'every rule of the report was broken above');

-- progress
select results_eq($$ select collection_id, assets, pending, generating, completed, failed from atelier.progress $$,
    $$ values (null::uuid, 3::bigint, 2::bigint, 0::bigint, 1::bigint, 0::bigint) $$, 'progress: assets that stand alone, counted from the oldest under way');
select ok(per_minute = 0.2 and abs(extract(epoch from expected_end - now()) - 600) < 1, 'progress: one in five minutes makes the other two in ten') from atelier.progress;
update atelier.generated_assets set collection_id = :'collection' where id = :'waiting';
update atelier.collections set status = 'analyzing' where id = :'collection';
select results_eq('select collection_id is not null, status, assets, pending from atelier.progress order by 1',
    $$ values (false, null, 2::bigint, 1::bigint), (true, 'analyzing', 1::bigint, 1::bigint) $$, 'progress: each collection under way has a row of its own');
update atelier.generated_assets set collection_id = null where id = :'waiting';
update atelier.collections set status = 'analyzing' where id = :'collection' and status <> 'analyzing';
select is((select count(*) from atelier.progress where collection_id = :'collection' and assets = 0 and expected_end is null), 1::bigint,
    'progress: a collection that is only analysed is there too');
update atelier.collections set status = 'draft' where id = :'collection';

-- storage and clients
select results_eq('select store, bucket, objects, bytes, deleted_objects, deleted_bytes, unmeasured from atelier.storage_usage',
    $$ values ('file', '', 2::bigint, 6000::bigint, 0::bigint, 0::bigint, 0::bigint) $$, 'storage_usage: objects and bytes of a client');
insert into atelier.images (client_id, store, s3_key, url) values (:'client', 'library', 'photo-1', 'https://example.com/1.jpg');
select is((select sum(objects) from atelier.storage_usage), 2::numeric, 'storage_usage: a photo at its library is no object of ours');
select atelier.soft_delete_asset(:'done') \gset i_
select results_eq('select deleted_objects, deleted_bytes from atelier.storage_usage', $$ values (1::bigint, 5000::bigint) $$, 'S0-18: the picture of a deleted asset waits for the purge');
select atelier.add_product_image(:'product', :'picture') \gset i_
select is((select deleted_bytes from atelier.storage_usage), 0::bigint, 'but not one that a product is shown by');
select results_eq($$ select products, assets, deleted_assets, images, image_bytes, generations_today, daily_limit, monthly_limit from atelier.client_usage where client_id = '$$ || :'client' || $$' $$,
    $$ values (1::bigint, 2::bigint, 1::bigint, 3::bigint, 6000::bigint, 3::bigint, 100::bigint, null::bigint) $$, 'client_usage: what a client has, and what it used of its limits');
select is((select count(*) from atelier.client_usage where client_id = :'other' and assets = 0 and generations_today = 0), 1::bigint, 'client_usage: a client without anything has a row');

-- who sees what
set local role views_dba;
select is((select count(*) from atelier.client_usage), 2::bigint, 'an operator sees all clients');
reset role;
select atelier_internal.enter_context(:'other', null, false) \gset i_
set local role views_dba;
select is((select count(*) from atelier.client_usage) || ' ' || (select count(*) from atelier.storage_usage) || ' ' || (select count(*) from atelier.progress),
    '1 0 0', 'S2-67: and one that chose a client only this one');
reset role;

-- lifecycle
select is_empty($$ select t.entity, t.from_status from atelier_internal.status_transitions t
                    except select m.entity, m.state from atelier.lifecycle_map m $$, 'lifecycle_map: every state that can be left is there');
select is_empty($$ select m.task from atelier.lifecycle_map m where m.task is not null and m.task not in (select task from atelier.maintenance) $$,
    'lifecycle_map: names tasks that exist');
set local pg_atelier.asset_undo_window = '3d';
select is((select time_limit from atelier.lifecycle_map where entity = 'generated_asset' and state = 'deleted'), interval '3 days', 'lifecycle_map: says what the settings say now');
select ok(array['generating', 'error'] <@ next_states, 'lifecycle_map: and where a state leads') from atelier.lifecycle_map where entity = 'generated_asset' and state = 'pending';

select * from finish();
rollback;
