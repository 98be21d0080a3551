-- Rules that no single constraint can hold, each as one select that must return nothing.

create view atelier.consistency_report with (security_invoker, security_barrier) as
select 'asset_without_job' as rule, 'generated_asset' as entity, a.id as entity_id, a.client_id,
       format('it is %s, and job %s is not live', a.status, coalesce(a.job_id::text, 'null')) as detail
  from atelier.generated_assets a
 where a.status in ('pending', 'generating') and not exists (select from atelier_internal.jobs j where j.id = a.job_id)
union all
select 'asset_of_completed_job', 'generated_asset', a.id, a.client_id, format('job %s completed, and it is in error', a.job_id)
  from atelier.generated_assets a
  join atelier_internal.history_completed h on h.job_id = a.job_id and h.subject_id = a.id
 where a.status = 'error' and a.deleted_at is null
union all
select 'asset_without_picture', 'generated_asset', a.id, a.client_id, format('it is completed, and its image %s is %s', i.id, i.status)
  from atelier.images i
  join atelier.generated_assets a on a.image_id = i.id
 where i.status in ('pending', 'failed', 'deleting') and a.status = 'completed' and a.deleted_at is null
union all
select 'collection_completed_early', 'collection', c.id, c.client_id, format('it is completed, and %s of its assets are under way', o.assets)
  from (select a.collection_id, count(*) as assets from atelier.generated_assets a
         where a.status in ('pending', 'generating') and a.deleted_at is null group by a.collection_id) as o
  join atelier.collections c on c.id = o.collection_id and c.status = 'completed'
union all
select 'collection_without_work', 'collection', c.id, c.client_id, 'it is generating, and none of its assets is under way'
  from atelier.collections c
 where c.status = 'generating'
   and not exists (select from atelier.generated_assets a
                    where a.collection_id = c.id and a.status in ('pending', 'generating') and a.deleted_at is null)
   and not exists (select from atelier_internal.collection_checks k where k.collection_id = c.id)
union all
select 'collection_without_analysis', 'collection', c.id, c.client_id, 'it is analyzing, and no job of its analysis is live'
  from atelier.collections c
 where c.status = 'analyzing'
   and not exists (select from atelier_internal.product_batches b join atelier_internal.jobs j on j.id = b.job_id where b.collection_id = c.id)
   and not exists (select from atelier.inspiration_images i join atelier_internal.jobs j on j.id = i.job_id where i.collection_id = c.id)
   and not exists (select from atelier_internal.collection_checks k where k.collection_id = c.id)
union all
select 'inspiration_without_job', 'inspiration_image', i.id, i.client_id, format('it is being analysed, and job %s is not live', i.job_id)
  from atelier.inspiration_images i
 where i.job_id is not null and not exists (select from atelier_internal.jobs j where j.id = i.job_id)
union all
select 'batch_without_job', 'collection', c.id, c.client_id, format('batch %s of its products is being analysed, and job %s is not live', b.number, b.job_id)
  from atelier_internal.product_batches b
  join atelier.collections c on c.id = b.collection_id
 where b.job_id is not null and not exists (select from atelier_internal.jobs j where j.id = b.job_id)
union all
select 'image_without_job', 'image', i.id, i.client_id, format('it is pending without an open upload, and job %s is not live', coalesce(i.job_id::text, 'null'))
  from atelier.images i
 where i.status = 'pending' and not exists (select from atelier_internal.jobs j where j.id = i.job_id)
   and not exists (select from atelier.uploads u where u.image_id = i.id and u.confirmed_at is null)
union all
select 'image_not_queued', 'image', i.id, i.client_id, 'it is deleting, and its object is not in the deletion queue'
  from atelier.images i
 where i.status = 'deleting'
   and not exists (select from atelier_internal.object_deletions d where d.store = i.store and d.bucket = i.s3_bucket and d.key = i.s3_key)
union all
select 'move_without_job', 'image', i.id, i.client_id, format('it is moving to store %s, and job %s is not live', i.moving_to, coalesce(i.job_id::text, 'null'))
  from atelier.images i
 where i.moving_to is not null and not exists (select from atelier_internal.jobs j where j.id = i.job_id)
union all
select 'deletion_without_job', 'object', d.image_id, null, format('object %s of store %s is being deleted, and job %s is not live', d.key, d.store, d.job_id)
  from atelier_internal.object_deletions d
 where d.job_id is not null and not exists (select from atelier_internal.jobs j where j.id = d.job_id)
union all
select 'job_without_subject', 'job', j.id, j.client_id, format('it works for %s %s, which is not there', p.subject_table, j.subject_id)
  from atelier_internal.jobs j
  join atelier_internal.pipelines p on p.name = j.pipeline
 where (p.subject_table = 'atelier.generated_assets' and not exists (select from atelier.generated_assets s where s.id = j.subject_id))
    or (p.subject_table = 'atelier.images' and not exists (select from atelier.images s where s.id = j.subject_id))
    or (p.subject_table = 'atelier.collections' and not exists (select from atelier.collections s where s.id = j.subject_id))
    or (p.subject_table = 'atelier.inspiration_images' and not exists (select from atelier.inspiration_images s where s.id = j.subject_id))
union all
select 'job_never_runs', 'job', j.id, j.client_id, 'it is waiting, and neither queued nor deferred nor behind another job'
  from atelier_internal.jobs j
 where j.state = 'waiting' and j.sequence is null and j.run_after is null
   and not exists (select from atelier_internal.job_dependencies d where d.job_id = j.id)
   and (j.reason is distinct from 'order'
        or not exists (select from atelier_internal.ordered_jobs o
                        where o.client_id = atelier_internal.tenant_of(j.client_id) and o.order_key = j.order_key and o.sequence < j.order_sequence)
           and not exists (select from atelier_internal.order_checks c
                            where c.client_id = atelier_internal.tenant_of(j.client_id) and c.order_key = j.order_key))
union all
select 'job_out_of_order', 'job', j.id, j.client_id, format('it is %s, and not the first of its key, or has no place there', concat_ws(': ', j.state, j.reason))
  from atelier_internal.jobs j
 where j.order_key is not null
   and (not exists (select from atelier_internal.ordered_jobs o
                     where o.client_id = atelier_internal.tenant_of(j.client_id) and o.order_key = j.order_key and o.sequence = j.order_sequence and o.job_id = j.id)
        or j.reason is distinct from 'order'
           and exists (select from atelier_internal.ordered_jobs o
                        where o.client_id = atelier_internal.tenant_of(j.client_id) and o.order_key = j.order_key and o.sequence < j.order_sequence))
union all
select 'place_without_job', 'job', o.job_id, nullif(o.client_id, '00000000-0000-0000-0000-000000000000'), format('it has place %s of its order key, and is not live', o.sequence)
  from atelier_internal.ordered_jobs o
 where not exists (select from atelier_internal.jobs j where j.id = o.job_id)
union all
select 'job_not_queued', 'job', j.id, j.client_id, format('it should be queued with sequence %s, and has no entry', j.sequence)
  from atelier_internal.jobs j
 where j.sequence is not null
   and not exists (select from atelier_internal.queue_entries q
                    where q.instance = j.instance and q.lane_id = j.lane_id and q.tenant_id = atelier_internal.tenant_of(j.client_id)
                      and q.priority = j.priority and q.sequence = j.sequence and q.job_id = j.id)
union all
select 'job_not_deferred', 'job', j.id, j.client_id, format('it waits for %s, and has no deferral', j.run_after)
  from atelier_internal.jobs j
 where j.run_after is not null and j.reason is distinct from 'dependency' and j.reason is distinct from 'order'
   and not exists (select from atelier_internal.deferrals d where d.instance = j.instance and d.run_after = j.run_after and d.job_id = j.id)
union all
select 'job_without_deadline', 'job', j.id, j.client_id, format('it must begin by %s, and nothing ends it then', j.start_by)
  from atelier_internal.jobs j
 where j.start_by is not null and j.step = 1 and (j.state = 'waiting' or j.state = 'held' and atelier_internal.is_set_aside(j.reason))
   and not exists (select from atelier_internal.start_deadlines d where d.instance = j.instance and d.start_by = j.start_by and d.job_id = j.id)
union all
select 'job_not_parked', 'job', j.id, j.client_id, format('it is held for the pause or the absence of pipeline %s, and nothing brings it back', j.pipeline)
  from atelier_internal.jobs j
 where j.state = 'held' and j.reason in ('paused', 'pipeline_absent')
   and not exists (select from atelier_internal.parked_jobs k where k.instance = j.instance and k.pipeline = j.pipeline and k.job_id = j.id)
union all
select 'job_not_held_for_budget', 'job', j.id, j.client_id, format('it is held: %s, and nothing brings it back', j.reason)
  from atelier_internal.jobs j
 where j.state = 'held' and j.reason in ('over_budget', 'price_unknown')
   and not exists (select from atelier_internal.budget_holds h where h.job_id = j.id and not h.returned and h.instance = j.instance)
union all
select 'hold_without_job', 'job', h.job_id, null, 'it waits for a budget, and is not live'
  from atelier_internal.budget_holds h
 where (select atelier_internal.sees_all_clients()) and not exists (select from atelier_internal.jobs j where j.id = h.job_id)
union all
select 'reserve_without_lease', 'attempt', null, r.client_id, format('money is reserved for attempt %s of job %s, which is not under way', r.attempt_id, r.job_id)
  from atelier_internal.reserves r
 where r.state = 'open' and not exists (select from atelier_internal.jobs j where j.id = r.job_id and j.attempt_id = r.attempt_id)
union all
select 'budget_out_of_step', 'budget', null, b.client_id,
       format('%s from %s: %s spent and %s reserved are kept, added up they are %s and %s', atelier_internal.budget_name(b), u.starts,
              u.spent, u.reserved, s.spent, s.reserved)
  from atelier_internal.budget_usage u
  join atelier_internal.budgets b on b.id = u.budget_id
 cross join lateral atelier_internal.budget_sums(b, u.starts) s
 where (select atelier_internal.sees_all_clients()) and (u.spent <> s.spent or u.reserved <> s.reserved)
union all
select 'lease_without_attempt', 'job', j.id, j.client_id, format('it is %s, and attempt %s is not open', j.state, j.attempt_id)
  from atelier_internal.jobs j
 where j.attempt_id is not null
   and not exists (select from atelier_internal.attempts a where a.id = j.attempt_id and a.ring = j.attempt_ring and a.outcome is null)
union all
select 'entry_without_job', 'job', q.job_id, null, format('queue entry %s of lane %s is of no waiting job', q.sequence, q.lane_id)
  from atelier_internal.queue_entries q
 where (select atelier_internal.sees_all_clients())
   and not exists (select from atelier_internal.jobs j where j.id = q.job_id and j.sequence = q.sequence)
union all
select 'child_without_job', 'job', c.job_id, c.client_id, format('job %s waits for its end, and it is not live', c.parent_id)
  from atelier_internal.job_children c
 where c.state is null and not exists (select from atelier_internal.jobs j where j.id = c.job_id)
union all
select 'child_not_waited_for', 'job', j.id, j.client_id, format('job %s made it, and does not wait for it', j.parent_id)
  from atelier_internal.jobs j
 where j.parent_id is not null and exists (select from atelier_internal.jobs p where p.id = j.parent_id)
   and not exists (select from atelier_internal.job_dependencies d where d.job_id = j.parent_id and d.depends_on = j.id)
union all
select 'step_runs_again', 'job', j.id, j.client_id, format('it stands at step %s of pipeline %s, which is done', j.step, j.pipeline)
  from atelier_internal.jobs j
  join atelier_internal.step_results r on r.job_id = j.id and r.position >= j.step
union all
select 'step_not_known', 'job', j.id, j.client_id, format('it stands at step %s of pipeline %s, which has no such step', j.step, j.pipeline)
  from atelier_internal.jobs j
 where exists (select from atelier_internal.pipelines p where p.name = j.pipeline)
   and not exists (select from atelier_internal.steps s where s.pipeline = j.pipeline and s.position = j.step)
union all
select 'member_of_several', 'user', m.user_id, null, format('the user is an active member of %s clients, pg_atelier.single_client_per_user is on', count(*))
  from atelier.members m
 where m.status = 'active' and atelier_internal.setting('single_client_per_user') = 'on'
 group by m.user_id
having count(*) > 1
union all
select 'client_without_tier', 'client', c.id, c.id, format('there is no tier %s', c.tier)
  from atelier.clients c
 where not exists (select from atelier.tiers t where t.name = c.tier)
union all
select 'usage_below_zero', 'client', u.client_id, u.client_id, format('%s generations are counted in the %s from %s', sum(u.used), u.period, u.starts)
  from atelier_internal.usage_counts u
 group by u.client_id, u.period, u.starts
having sum(u.used) < 0;
comment on view atelier.consistency_report is
    'Rows that broke a rule which no constraint can hold: a row deleted by hand, or an error of ours. Must be empty. Costs a scan of what is under way and, for assets in error, of the completed jobs, not of what is done.';
comment on column atelier.consistency_report.rule is 'The rule that is broken.';
comment on column atelier.consistency_report.entity is 'Kind of row that breaks it.';
comment on column atelier.consistency_report.entity_id is 'Identity of that row, if it has one.';
comment on column atelier.consistency_report.client_id is 'The client that it concerns, if one.';
comment on column atelier.consistency_report.detail is 'What is wrong.';
