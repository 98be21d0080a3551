create view atelier.pauses with (security_invoker, security_barrier) as
select p.kind, p.name, p.tenant_id as client_id, p.reason, p.paused_at, p.paused_until, p.paused_by
  from atelier_internal.pauses p
 where (p.paused_until is null or p.paused_until > now())
   and (p.tenant_id is null or p.tenant_id = (select atelier.current_client_id()) or (select atelier_internal.sees_all_clients()))
union all
select 'lane', concat_ws(' ', l.provider, nullif(l.model, ''), nullif(l.key, '')), null, l.pause_reason, l.paused_at, l.paused_until, null
  from atelier_internal.lanes l
 where l.paused_at is not null and (l.paused_until is null or l.paused_until > now());
comment on view atelier.pauses is 'What is not leased at present because somebody, or a service that refused everybody, paused it.';

create view atelier.client_shares with (security_invoker, security_barrier) as
select s.client_id, s.weight, s.max_in_flight, s.updated_at from atelier_internal.client_shares s;
comment on view atelier.client_shares is 'Clients that share the lanes otherwise than all others do, which have weight 1 and no limit of their own: atelier.set_client_share().';

comment on column atelier.pauses.kind is 'queue, lane, client or pipeline.';
comment on column atelier.pauses.name is 'Provider and model of the lane, id of the client or name of the pipeline; empty for the queue.';
comment on column atelier.pauses.client_id is 'The client, when one is paused.';
comment on column atelier.pauses.paused_by is 'Role that paused it; null for lanes, of which the audit log tells.';
