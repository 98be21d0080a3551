-- To wait for the end of a job without holding a snapshot, which would keep vacuum from cleaning up after everybody.

create function atelier_internal.in_transaction_block() returns boolean
    language c volatile parallel unsafe set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', 'atelier_in_transaction_block';
comment on function atelier_internal.in_transaction_block() is 'Whether the session is between BEGIN and COMMIT.';

create function atelier_internal.state_of_job(p_job_id uuid) returns text
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    select coalesce((select j.state from atelier_internal.jobs j where j.id = p_job_id),
                    (select 'completed' from atelier_internal.history_completed c where c.job_id = p_job_id limit 1),
                    (select f.state from atelier_internal.history_failed f where f.job_id = p_job_id limit 1));
end;
comment on function atelier_internal.state_of_job(uuid) is 'State of a live or finished job; null where there is none.';

create function atelier.job_state(job_id uuid, wait_milliseconds integer default 0) returns text
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_state text;
begin
    if job_state.job_id is null then
        raise exception 'job_id must not be null' using errcode = 'null_value_not_allowed', hint = 'SELECT job_id FROM atelier.jobs shows the live ones.';
    elsif job_state.wait_milliseconds is null or job_state.wait_milliseconds not between 0 and 1000 then
        raise exception 'wait_milliseconds must be between 0 and 1000' using errcode = 'invalid_parameter_value',
              hint = 'CALL atelier.wait_for() waits longer.';
    elsif job_state.wait_milliseconds > 0 and atelier_internal.in_transaction_block() then
        raise exception 'a transaction block cannot wait for a job' using errcode = 'object_not_in_prerequisite_state',
              detail = 'It would hold its snapshot, and its locks, all the while, and may not even see the end.',
              hint = 'Commit first, then CALL atelier.wait_for() outside of BEGIN ... COMMIT.';
    end if;
    v_state := atelier_internal.state_of_job(job_state.job_id);
    if job_state.wait_milliseconds > 0 and v_state in ('waiting', 'leased', 'draining', 'held') then
        perform atelier_internal.wait_for_settling(job_state.wait_milliseconds);
        v_state := atelier_internal.state_of_job(job_state.job_id);
    end if;
    if v_state is null then
        raise exception 'job not found' using errcode = 'no_data_found', detail = format('Job %s.', job_state.job_id),
              hint = atelier_internal.way_out('Finished jobs are forgotten after pg_atelier.job_ttl_completed or job_ttl_failed.');
    end if;
    return v_state;
end
$$;
comment on function atelier.job_state(uuid, integer) is
    'State of a job: waiting, leased, draining or held while it is live, then completed, failed, cancelled or quarantined. With wait_milliseconds (up to 1000) it waits for something to end first, where the job is live. P0002 for an unknown job, 55000 for waiting in a transaction block.';

-- A procedure that commits can have neither SET nor SECURITY DEFINER: each of its transactions sets the path for itself, and
-- whatever needs rights is asked of functions that have them.
create procedure atelier.wait_for(job_id uuid, timeout interval default '1 minute', user_id uuid default null, client_id uuid default null,
                                  inout state text default null)
    language plpgsql
as $$
#variable_conflict use_variable
declare
    -- The caller's path is still in force when these are looked up.
    v_user pg_catalog.uuid;
    v_client pg_catalog.uuid;
    v_end pg_catalog.timestamptz;
    v_left pg_catalog.int4;
    v_over pg_catalog.bool;
begin
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    if timeout is null or timeout < interval '0' or timeout > interval '1 day' then
        raise exception 'timeout must be between 0 and 1 day' using errcode = 'invalid_parameter_value',
              hint = 'Call it again to wait longer: nothing is lost in between.';
    end if;
    -- The context ends with each transaction.
    v_user := coalesce(user_id, atelier.current_user_id());
    v_client := coalesce(client_id, atelier.current_client_id());
    v_end := clock_timestamp() + timeout;
    loop
        if v_user is not null or v_client is not null then
            perform atelier.set_context(v_user, v_client);
        end if;
        v_left := greatest(1, least(1000, ceil(extract(epoch from v_end - clock_timestamp()) * 1000)));
        state := atelier.job_state(job_id, v_left);
        v_over := state in ('completed', 'failed', 'cancelled', 'quarantined') or clock_timestamp() >= v_end;
        commit;
        -- Nothing with an operator stands between a commit and the path.
        exit when v_over;
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    end loop;
end
$$;
comment on procedure atelier.wait_for(uuid, interval, uuid, uuid, text) is
    'Waits until a job has ended, at most timeout (0 to 1 day), and returns its state: completed, failed, cancelled or quarantined; or the one that it is in when the time is over. Each second it commits, so it holds no snapshot for longer; it has to be called outside of BEGIN ... COMMIT (55000 there). Applications name user_id, and client_id where the user has several, as for atelier.set_context(); in a DO block the context that is chosen goes on until the wait is over. P0002 for an unknown job, 22023 for another timeout.';
