-- What operators look at: work under way, what is stored, what clients use, and what becomes of things by themselves.

create view atelier.progress with (security_invoker, security_barrier) as
with active as materialized (
    select a.client_id, a.collection_id, min(a.created_at) as since
      from atelier.generated_assets a
     where a.status in ('pending', 'generating') and a.deleted_at is null
     group by a.client_id, a.collection_id
), under_way as (
    select n.client_id, n.collection_id, n.since from active n
    union all
    select c.client_id, c.id, null
      from atelier.collections c
     where c.status in ('analyzing', 'generating') and not exists (select from active n where n.collection_id = c.id)
)
select u.client_id, u.collection_id, c.status, w.analyses, k.assets, k.pending, k.generating, k.completed, k.failed,
       round(k.ended / 5.0, 1) as per_minute,
       case when k.ended > 0 then now() + (k.pending + k.generating) * interval '5 minutes' / k.ended end as expected_end
  from under_way u
  left join atelier.collections c on c.id = u.collection_id
 cross join lateral (
    select count(*) as assets,
           count(*) filter (where a.status = 'pending') as pending, count(*) filter (where a.status = 'generating') as generating,
           count(*) filter (where a.status = 'completed') as completed, count(*) filter (where a.status = 'error') as failed,
           count(*) filter (where a.completed_at > now() - interval '5 minutes'
                                  or a.status = 'error' and a.updated_at > now() - interval '5 minutes') as ended
      from (select g.status, g.completed_at, g.updated_at from atelier.generated_assets g
             where g.collection_id = u.collection_id and g.deleted_at is null and g.status <> 'draft'
            union all
            select g.status, g.completed_at, g.updated_at from atelier.generated_assets g
             where u.collection_id is null and g.client_id = u.client_id and g.collection_id is null and g.created_at >= u.since
               and g.deleted_at is null and g.status <> 'draft') as a) as k
 cross join lateral (
    select (select count(*) from atelier_internal.product_batches b where b.collection_id = u.collection_id and b.job_id is not null)
           + (select count(*) from atelier.inspiration_images i where i.collection_id = u.collection_id and i.job_id is not null) as analyses) as w;
comment on view atelier.progress is
    'Work under way: a row for each collection that is analyzing or generating or has assets under way, and one for each client with assets under way that stand alone, of which it counts those asked for since the oldest of these. Costs a look at those assets.';
comment on column atelier.progress.client_id is 'The client.';
comment on column atelier.progress.collection_id is 'The collection; null: assets that stand alone.';
comment on column atelier.progress.status is 'Status of the collection.';
comment on column atelier.progress.analyses is 'Analyses of the collection that are under way.';
comment on column atelier.progress.assets is 'Assets that count, without drafts and deleted ones.';
comment on column atelier.progress.pending is 'Of these, how many wait to be made.';
comment on column atelier.progress.generating is 'How many are being made.';
comment on column atelier.progress.completed is 'How many are done.';
comment on column atelier.progress.failed is 'How many could not be made.';
comment on column atelier.progress.per_minute is 'How many ended a minute, on an average of the last 5 minutes.';
comment on column atelier.progress.expected_end is 'When the last one ends at that rate; null: none ended in the last 5 minutes.';

create view atelier.storage_usage with (security_invoker, security_barrier) as
with unused as materialized (
    select distinct a.image_id
      from atelier.generated_assets a
     where a.deleted_at is not null and a.image_id is not null
       and not exists (select from atelier.generated_assets l where l.image_id = a.image_id and l.deleted_at is null)
       and not exists (select from atelier.product_images p where p.image_id = a.image_id)
       and not exists (select from atelier.inspiration_images n where n.image_id = a.image_id)
), images as (
select i.store, i.s3_bucket as bucket, i.client_id, count(*) as objects, coalesce(sum(i.file_size), 0)::bigint as bytes,
       count(*) filter (where i.status = 'deleting' or u.image_id is not null) as deleted_objects,
       coalesce(sum(i.file_size) filter (where i.status = 'deleting' or u.image_id is not null), 0)::bigint as deleted_bytes,
       count(*) filter (where i.file_size is null) as unmeasured
  from atelier.images i
  left join unused u on u.image_id = i.id
 -- A photo that stays at its library is no object of ours (atelier_internal.stays_elsewhere).
 where i.store = 'file' or i.s3_bucket <> ''
 group by i.store, i.s3_bucket, i.client_id
)
select u.store, u.bucket, u.client_id, sum(u.objects)::bigint as objects, sum(u.bytes)::bigint as bytes,
       sum(u.deleted_objects)::bigint as deleted_objects, sum(u.deleted_bytes)::bigint as deleted_bytes, sum(u.unmeasured)::bigint as unmeasured
  from (select i.* from images i
        union all
        select h.store, h.bucket, h.client_id, h.objects, h.bytes, 0, 0, h.unmeasured from atelier_internal.stored_usage() as h) as u
 group by u.store, u.bucket, u.client_id;
comment on view atelier.storage_usage is 'Objects of each client in each store and bucket, by what their rows say, those of other extensions included. Costs a scan of the images, of the deleted assets and of those tables.';
comment on column atelier.storage_usage.store is 'The store.';
comment on column atelier.storage_usage.bucket is 'Bucket in the store; empty for the store file.';
comment on column atelier.storage_usage.client_id is 'The client; null: rows of another extension that are nobody''s.';
comment on column atelier.storage_usage.objects is 'Images, and rows of other extensions, with an object there.';
comment on column atelier.storage_usage.bytes is 'Bytes of these, as far as they were measured.';
comment on column atelier.storage_usage.deleted_objects is 'Of these, those that are being removed, or that only deleted assets show: the purge removes them when the undo window has passed.';
comment on column atelier.storage_usage.deleted_bytes is 'Bytes of those.';
comment on column atelier.storage_usage.unmeasured is 'Rows whose size is not known, such as images whose file has not come or was not looked at; no part of the bytes.';

create view atelier.client_usage with (security_invoker, security_barrier) as
select c.id as client_id, c.tier, coalesce(p.products, 0) as products, coalesce(l.assets, 0) as assets, coalesce(d.assets, 0) as deleted_assets,
       nullif(atelier_internal.setting('client_asset_soft_limit')::integer, 0) as asset_soft_limit,
       coalesce(i.images, 0) as images, coalesce(i.bytes, 0) as image_bytes,
       coalesce(q.today, 0) as generations_today, q.daily_limit, coalesce(q.this_month, 0) as generations_this_month, q.monthly_limit,
       c.legal_hold is not null as has_legal_hold
  from atelier.clients c
  left join (select x.client_id, count(*) as products from atelier.products x group by x.client_id) as p on p.client_id = c.id
  left join (select x.client_id, count(*) as assets from atelier.generated_assets x where x.deleted_at is null group by x.client_id) as l on l.client_id = c.id
  left join (select x.client_id, count(*) as assets from atelier.generated_assets x where x.deleted_at is not null group by x.client_id) as d on d.client_id = c.id
  left join (select x.client_id, count(*) as images, sum(x.file_size)::bigint as bytes from atelier.images x group by x.client_id) as i on i.client_id = c.id
  left join (select x.client_id, max(x.used) filter (where x.period = 'day') as today, max(x.allowed) filter (where x.period = 'day') as daily_limit,
                    max(x.used) filter (where x.period = 'month') as this_month, max(x.allowed) filter (where x.period = 'month') as monthly_limit
               from atelier_internal.quotas x group by x.client_id) as q on q.client_id = c.id;
comment on view atelier.client_usage is 'What each client has, and what it has used of its quotas. Costs a scan of the images and of indexes of products and assets.';
comment on column atelier.client_usage.client_id is 'The client.';
comment on column atelier.client_usage.tier is 'Its tier.';
comment on column atelier.client_usage.products is 'Its products.';
comment on column atelier.client_usage.assets is 'Its assets that are not deleted, in every status.';
comment on column atelier.client_usage.deleted_assets is 'Its assets that are deleted and not yet purged.';
comment on column atelier.client_usage.asset_soft_limit is 'pg_atelier.client_asset_soft_limit: so many assets are worth a warning; null: none is given.';
comment on column atelier.client_usage.images is 'Its images.';
comment on column atelier.client_usage.image_bytes is 'Their bytes, as far as they were measured.';
comment on column atelier.client_usage.generations_today is 'Generations that count for today, in pg_atelier.quota_timezone.';
comment on column atelier.client_usage.daily_limit is 'How many it may ask for in a day; null: as many as it likes.';
comment on column atelier.client_usage.generations_this_month is 'Generations that count for this month.';
comment on column atelier.client_usage.monthly_limit is 'How many it may ask for in a month; null: as many as it likes.';
comment on column atelier.client_usage.has_legal_hold is 'Whether a legal hold keeps its things from being purged and erased.';

create view atelier.lifecycle_map with (security_invoker, security_barrier) as
with states (place, entity, state, meaning, moved_by, setting, afterwards, task) as (values
    (1, 'generated_asset', 'draft', 'being put together', 'the application: submit_generation()', null, null, null),
    (2, 'generated_asset', 'pending', 'waits to be made', 'the worker leases its job', null, null, null),
    (3, 'generated_asset', 'generating', 'is being made', 'the worker settles the answer', 'job_timeout', 'the attempt counts as failed', null),
    (4, 'generated_asset', 'completed', 'has its picture', 'the application: soft_delete_asset()', null, null, null),
    (5, 'generated_asset', 'error', 'could not be made', 'the application: retry_asset(), soft_delete_asset()', 'error_asset_ttl', 'it is deleted', 'expire_failed'),
    (6, 'generated_asset', 'deleted', 'is in the recycle bin, in the status it had', 'the application: restore_asset()', 'asset_undo_window',
     'row and picture are removed', 'purge_assets'),
    (7, 'image', 'pending', 'waits for its file, or is being inspected', 'the application uploads it; the worker inspects it', null, null, null),
    (8, 'image', 'ready', 'is measured and can be used', 'the purge of its asset', null, null, null),
    (9, 'image', 'failed', 'cannot be used', 'the application: register_image() or confirm_upload() again; the purge of its upload', null, null, null),
    (10, 'image', 'deleting', 'its object is being removed, the row follows', 'the worker', null, null, null),
    (11, 'upload', 'requested', 'an address was signed', 'the application: confirm_upload()', 'upload_ttl', 'row and object are removed', 'purge_uploads'),
    (12, 'upload', 'confirmed', 'its file has come', null, null, null, null),
    (13, 'upload', 'rejected', 'its file was not what was announced', null, 'upload_ttl', 'row and object are removed', 'purge_uploads'),
    (14, 'collection', 'draft', 'is being put together', 'the application: analyze_collection()', null, null, null),
    (15, 'collection', 'analyzing', 'its products and inspirations are looked at', 'the worker, when the last job has ended', null, null, null),
    (16, 'collection', 'ready', 'can be generated', 'the application: generate_collection()', null, null, null),
    (17, 'collection', 'generating', 'its assets are being made', 'the worker, when the last one has ended', null, null, null),
    (18, 'collection', 'completed', 'all its assets ended, at least one is completed', 'the application', null, null, null),
    (19, 'collection', 'error', 'its error_message says why', 'the application', null, null, null),
    (20, 'job', 'waiting', 'is queued, deferred, or waits for other jobs', 'the worker leases it', null, null, null),
    (21, 'job', 'leased', 'is under way', 'the worker settles the answer', 'job_timeout', 'it is tried again, or fails', null),
    (22, 'job', 'draining', 'its worker is gone, its executor may still be at work', 'the worker reads the receipt', 'drain_timeout', 'its outcome is unknown', null),
    (23, 'job', 'held', 'waits for a decision', 'an operator: resolve_unknown(), release_job(), cancel_job()', null, null, null),
    (24, 'job', 'completed', 'is done, and stands in the history', 'the worker', 'job_ttl_completed', 'it is forgotten', null),
    (25, 'job', 'failed', 'ended as failed, cancelled or quarantined, and stands in the history', 'the worker', 'job_ttl_failed', 'it is forgotten', null),
    (26, 'attempt', 'finished', 'one lease of a job, with its outcome', 'the worker', 'attempt_ttl', 'it is forgotten', null),
    (27, 'event', 'written', 'what happened', 'the worker', 'event_ttl', 'it is forgotten', null),
    (28, 'purge_log', 'written', 'what was purged or held', 'the purge', 'purge_log_ttl', 'it is forgotten', null)
)
select s.entity, s.state, s.meaning,
       case s.entity
            when 'job' then array(select t.to_state from atelier_internal.job_transitions t where t.from_state = s.state order by 1)
            else array(select distinct t.to_status from atelier_internal.status_transitions t
                        where t.entity = s.entity and t.from_status = s.state and atelier_internal.is_present(t.extension) order by 1) end as next_states,
       s.moved_by, 'pg_atelier.' || s.setting as setting,
       case when s.setting is not null then atelier_internal.setting(s.setting)::interval end as time_limit, s.afterwards, s.task
  from states s
 order by s.place;
comment on view atelier.lifecycle_map is 'The states of each kind of thing, who moves it on, and what happens by itself after which time.';
comment on column atelier.lifecycle_map.entity is 'Kind of thing.';
comment on column atelier.lifecycle_map.state is 'State that it can be in.';
comment on column atelier.lifecycle_map.meaning is 'What that means.';
comment on column atelier.lifecycle_map.next_states is 'States that an UPDATE may bring it to; empty: the next thing is its end.';
comment on column atelier.lifecycle_map.moved_by is 'Who moves it on.';
comment on column atelier.lifecycle_map.setting is 'Setting that limits its time; null: nothing does.';
comment on column atelier.lifecycle_map.time_limit is 'What that setting says now.';
comment on column atelier.lifecycle_map.afterwards is 'What happens when the time has passed.';
comment on column atelier.lifecycle_map.task is 'Task of atelier.maintenance that does it; null: the worker, as part of its work.';
