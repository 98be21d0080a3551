-- So many assets (variable rows), each with its picture, of 100 clients: most are completed, one in a hundred is under way with
-- its job, is in error, or is deleted. As many finished jobs, attempts, events, ledger rows and audit entries.
create schema bench;
create table bench.samples (view text, round integer, ms double precision, shown bigint);
create role bench_dba login in role atelier_admin;
grant usage on schema bench to bench_dba;

set session_replication_role = replica;
set synchronous_commit = off;
set maintenance_work_mem = '256MB';

insert into atelier.clients (id, name, slug)
select md5('client' || c)::uuid, 'Client ' || c, 'client-' || c from generate_series(0, 99) c;
insert into atelier.users (id, email, name) select md5('user' || c)::uuid, c || '@example.com', 'User' from generate_series(0, 99) c;
insert into atelier.members (user_id, client_id, status) select md5('user' || c)::uuid, md5('client' || c)::uuid, 'active' from generate_series(0, 99) c;
insert into atelier.products (id, client_id, name, sku, category)
select md5('product' || p)::uuid, md5('client' || p % 100)::uuid, 'Chair ' || p, 'P-' || p, 'chair' from generate_series(0, :rows / 100 - 1) p;
insert into atelier.collections (id, client_id, name, status, completed_at)
select md5('collection' || c)::uuid, md5('client' || c % 100)::uuid, 'Collection ' || c,
       case when c < 100 then 'generating' else 'completed' end, case when c >= 100 then now() end
  from generate_series(0, :rows / 100 - 1) c;
insert into atelier_internal.lanes (provider, max_in_flight) values ('bench', 100);

-- Status, client and collection are independent of each other.
create temporary table made as
select n, md5('asset' || n)::uuid as asset, md5('image' || n)::uuid as image, md5('job' || n)::uuid as job, md5('client' || n / 100 % 100)::uuid as client,
       case when n % 100 = 0 then 'pending' when n % 100 = 1 then 'error' else 'completed' end as status, n % 100 = 2 as deleted,
       now() - n * interval '1 second' as at
  from generate_series(0, :rows - 1) n;

insert into atelier.images (id, client_id, s3_key, status, width, height, file_size, mime_type, sha256, metadata, created_at)
select m.image, m.client, format('clients/%s/generated/%s.png', m.client, m.image), 'ready', 1024, 768, 1500000, 'image/png', md5(m.n::text) || md5(m.n::text),
       '{"source": "generated", "provider": "bench", "model": "bench", "prompt": "A chair in a living room, in the light of the morning."}', m.at
  from made m where m.status = 'completed';
insert into atelier.generated_assets (id, client_id, collection_id, product_id, image_id, status, progress, settings, provider, error_message, job_id, created_at, updated_at, completed_at, deleted_at)
select m.asset, m.client,
       case when m.n / 10000 % 2 = 0 then md5('collection' || case when m.status = 'pending' then m.n / 100 % 100 else m.n / 100 end)::uuid end,
       md5('product' || m.n / 100)::uuid, case when m.status = 'completed' then m.image end, m.status,
       case when m.status = 'completed' then 100 else 0 end,
       '{"roomType": "living_room", "style": "modern", "lighting": "natural", "colorScheme": "neutral", "cameraAngle": "eye_level", "aspectRatio": "1:1", "surroundings": "a garden behind the window", "props": ["lamp", "rug"], "varietyLevel": 5, "matchProductColors": false}',
       'bench', case when m.status = 'error' then 'refused' end, m.job, m.at, m.at, case when m.status = 'completed' then m.at end, case when m.deleted then m.at end
  from made m;
with queued as (
    insert into atelier_internal.jobs (id, pipeline, lane_id, sequence, max_attempts, subject_id, client_id, provider)
    select m.job, 'generate_image', l.id, nextval('atelier_internal.queue_sequence'), 3, m.asset, m.client, 'bench'
      from made m, atelier_internal.lanes l where m.status = 'pending' and l.provider = 'bench'
    returning id, instance, lane_id, client_id, priority, sequence)
insert into atelier_internal.queue_entries (instance, lane_id, tenant_id, priority, sequence, job_id) select q.instance, q.lane_id, atelier_internal.tenant_of(q.client_id), q.priority, q.sequence, q.id from queued q;
insert into atelier_internal.history_completed (ring, job_id, instance, pipeline, lane_id, subject_id, client_id, attempts, crashes, created_at, finished_at)
select atelier_internal.ring_slot(m.at), m.job, 1, 'generate_image', 1, m.asset, m.client, 1, 0, m.at, m.at from made m where m.status = 'completed';
insert into atelier_internal.history_failed (ring, job_id, instance, pipeline, lane_id, subject_id, client_id, attempts, crashes, created_at, finished_at, state, step, error_class, error_message, input)
select atelier_internal.ring_slot(m.at), m.job, 1, 'generate_image', 1, m.asset, m.client, 1, 0, m.at, m.at, 'failed', 1, 'content_blocked', 'refused', '{}' from made m where m.status = 'error';
insert into atelier_internal.attempts (ring, id, job_id, instance, pipeline, step, number, lane_id, epoch, token, image_id, client_id, leased_at, outcome, finished_at)
select atelier_internal.ring_slot(m.at), m.n, m.job, 1, 'generate_image', 1, 1, 1, 1, 1, m.image, m.client, m.at, 'completed', m.at from made m;
insert into atelier_internal.ledger (at, client_id, job_id, attempt_id, provider, model, unit, quantity, cost, currency)
select m.at, m.client, m.job, m.n, 'bench', '', 'image', 1, 0.04, 'USD' from made m;
insert into atelier_internal.audit_log (at, client_id, action, entity, entity_id) select m.at, m.client, 'asset.deleted', 'generated_asset', m.asset from made m;
insert into atelier_internal.object_deletions (store, key, reason, run_after)
select 'file', 'gone/' || m.n, 'bench', now() + interval '1 day' from made m where m.n % 100 = 3;
insert into atelier_internal.usage_counts (client_id, period, starts, slot, used)
select c.id, p.period, p.starts, s, 10 from atelier.clients c, atelier_internal.quota_periods() p, generate_series(0, 3) s;
reset session_replication_role;
vacuum analyze;
