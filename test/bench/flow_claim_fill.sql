-- One lane with so many jobs that are ready (variable ready) of ten clients, and so many that wait for their time (deferred),
-- and what measures. Needs a server without a worker.
create schema bench;
insert into atelier_internal.pipelines (name, description) values ('bench', 'bench');
insert into atelier_internal.steps (pipeline, position, name, action) values ('bench', 1, 'only', 'ai.image');
select null from atelier_internal.begin_incarnation(1, 1);
select atelier_internal.lane_for('offline', 'bench') as lane \gset
create table bench.lane as select :lane as id;

set session_replication_role = replica;
set synchronous_commit = off;
create temporary table made as
select n, atelier_internal.uuid_v7() as job, md5('client' || n % 10)::uuid as client, n < :ready as is_ready,
       now() + interval '1 day' + n * interval '1 millisecond' as due
  from generate_series(0, :ready + :deferred - 1) n;
insert into atelier_internal.jobs (id, pipeline, lane_id, sequence, reason, run_after, max_attempts, subject_id, client_id, provider, model)
select m.job, 'bench', :lane, case when m.is_ready then m.n + 1 end, case when not m.is_ready then 'deferred' end,
       case when not m.is_ready then m.due end, 3, m.job, m.client, 'offline', 'bench'
  from made m order by m.n;
insert into atelier_internal.queue_entries (instance, lane_id, tenant_id, priority, sequence, job_id)
select atelier_internal.instance_id(), :lane, m.client, 0, m.n + 1, m.job from made m where m.is_ready order by m.n;
insert into atelier_internal.deferrals (instance, run_after, job_id)
select atelier_internal.instance_id(), m.due, m.job from made m where not m.is_ready;
reset session_replication_role;
reset synchronous_commit;

-- Milliseconds of one claim and of one lease of twenty jobs, two of each client, each beyond what the ones before it took: the
-- fastest of so many, so that what else the machine does meanwhile counts little. The first ones plan, and are not counted.
create function bench.claim_ms(p_times integer, p_whole_lease boolean) returns double precision
language plpgsql as $$
declare
    v_tenants uuid[] := array(select md5('client' || c)::uuid from generate_series(0, 9) c);
    v_lanes integer[] := array(select l.id from bench.lane l, generate_series(0, 9));
    v_priorities smallint[] := array_fill(0::smallint, array[10]);
    v_marks bigint[] := array_fill(0::bigint, array[10]);
    v_takes integer[] := array_fill(2, array[10]);
    v_taken integer;
    v_next bigint[];
    v_started timestamptz;
    v_spent double precision[] := '{}';
begin
    for v_time in -1 .. p_times loop
        v_started := clock_timestamp();
        if p_whole_lease then
            select array_agg(t.mark order by t.place), sum(t.taken) into v_next, v_taken
              from (select v.place, max(l.sequence) as mark, count(l.sequence) as taken
                      from unnest(v_tenants) with ordinality as v (tenant, place)
                      left join atelier_internal.lease(1, v_lanes, v_tenants, v_priorities, v_marks, v_takes, '{}', '{}') l on l.tenant_id = v.tenant
                     group by v.place) t;
        else
            select array_agg(t.mark order by t.place), sum(t.taken) into v_next, v_taken
              from (select v.place, max(c.sequence) as mark, count(c.sequence) as taken
                      from unnest(v_tenants) with ordinality as v (tenant, place)
                      left join atelier_internal.claim(v_lanes, v_tenants, v_priorities, v_marks, v_takes, '{}', '{}') c on c.tenant_id = v.tenant
                     group by v.place) t;
        end if;
        if v_time > 0 then
            v_spent := v_spent || extract(epoch from clock_timestamp() - v_started)::double precision;
        end if;
        if v_taken <> 20 then
            raise exception 'claimed % instead of 20', v_taken;
        end if;
        v_marks := v_next;
    end loop;
    return (select 1000 * min(s) from unnest(v_spent) s);
end
$$;
update atelier_internal.lanes set max_in_flight = 1000, trusted = true where id = :lane;
vacuum analyze;
