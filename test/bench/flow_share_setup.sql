-- Two clients and a lane of so many places (variable in_flight) whose work takes so long (variable latency_ms), played by
-- paced_executor.cpp; and what measures.
create schema bench;
create table bench.samples (figure text, round integer, value double precision);
create table bench.clients as
select c.name, atelier.create_client(initcap(c.name), c.name) as id from (values ('busy'), ('other')) as c (name);
insert into atelier_internal.pipelines (name, description) values ('bench', 'bench');
insert into atelier_internal.steps (pipeline, position, name, action) values ('bench', 1, 'only', 'ai.image');
select null from atelier.set_lane_limit('offline', 'paced', :in_flight);

create function bench.enqueue(p_client text, p_count integer, p_latency_ms integer) returns uuid[]
language sql as $$
    select atelier_internal.enqueue_jobs('bench', array(
        select row(gen_random_uuid(), c.id, 'offline', 'paced', jsonb_build_object('latency_ms', p_latency_ms), null)::atelier_internal.job_request
          from bench.clients c, generate_series(1, p_count) where c.name = p_client))
$$;

-- One job after the other, each in a transaction of its own, at so many milliseconds on average, up to half of that earlier or later.
create procedure bench.trickle(p_client text, p_count integer, p_every_ms integer, p_latency_ms integer)
language plpgsql as $$
begin
    for v_job in 1 .. p_count loop
        perform pg_sleep(p_every_ms * (0.5 + random()) / 1000);
        commit;
        perform bench.enqueue(p_client, 1, p_latency_ms);
        commit;
    end loop;
end
$$;

create function bench.ended_after(p_client text, p_since timestamptz)
    returns table (job_id uuid, till_start double precision, till_end double precision)
language sql as $$
    select h.job_id, extract(epoch from a.leased_at - h.created_at) * 1000, extract(epoch from h.finished_at - h.created_at) * 1000
      from atelier.job_history h
      join bench.clients c on c.id = h.client_id and c.name = p_client
      join atelier.attempts a on a.job_id = h.job_id
     where h.created_at >= p_since
$$;
