create function atelier.set_priority(job_id uuid, priority integer) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job atelier_internal.jobs;
    v_priority smallint;
begin
    perform atelier_internal.require('job_id', set_priority.job_id is not null);
    v_priority := atelier_internal.require_priority(set_priority.priority);
    select * into v_job from atelier_internal.jobs j where j.id = set_priority.job_id for update;
    if not found then
        return false;
    end if;
    update atelier_internal.jobs j set priority = v_priority where j.id = v_job.id;
    update atelier_internal.budget_holds h set priority = v_priority where h.job_id = v_job.id;
    -- It keeps its sequence: among those of its new priority it stands where its time of waiting puts it.
    with gone as (
        delete from atelier_internal.queue_entries q
         where q.instance = v_job.instance and q.lane_id = v_job.lane_id and q.tenant_id = atelier_internal.tenant_of(v_job.client_id)
           and q.priority = v_job.priority and q.sequence = v_job.sequence and v_job.priority <> v_priority
        returning q.instance, q.lane_id, q.tenant_id, q.sequence, q.job_id
    )
    insert into atelier_internal.queue_entries (instance, lane_id, tenant_id, priority, sequence, job_id)
    select g.instance, g.lane_id, g.tenant_id, v_priority, g.sequence, g.job_id from gone g;
    perform atelier_internal.audit('job.priority_set', 'job', v_job.id, v_job.client_id,
                                   jsonb_build_object('priority', v_priority, 'before', v_job.priority));
    return true;
end
$$;
comment on function atelier.set_priority(uuid, integer) is
    'Gives a live job another priority (-100 first, 100 last, 0 is normal), also while it waits in the queue; an attempt that is under way goes on. False when it is not live (any more). 22004 for null, 22023 for another number.';
