-- A clock that was set wrong makes everything look old. What deletes by age therefore asks first whether the time that went by
-- since its last run is the time that the machine counted.

create table atelier_internal.clock_readings (
    one boolean primary key default true,
    at timestamptz not null,
    boot_id text not null,
    seconds double precision not null,
    constraint only_one check (one)
);
comment on table atelier_internal.clock_readings is 'The time at the last run that deleted by age in this very database; not dumped.';
comment on column atelier_internal.clock_readings.one is 'Always true.';
comment on column atelier_internal.clock_readings.at is 'Time of the day, as the server knew it.';
comment on column atelier_internal.clock_readings.boot_id is 'Boot of the machine that the server ran in.';
comment on column atelier_internal.clock_readings.seconds is 'Seconds since that boot, by a clock that nobody sets.';

create function atelier_internal.read_clock() returns void
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    insert into atelier_internal.clock_readings (at, boot_id, seconds)
    select clock_timestamp(), b.boot_id, b.seconds from atelier_internal.boot_clock() b
    on conflict (one) do update set at = excluded.at, boot_id = excluded.boot_id, seconds = excluded.seconds;
end;
comment on function atelier_internal.read_clock() is 'Remembers what time it is, by both clocks.';
-- The first run has something to compare with.
select atelier_internal.read_clock();

create function atelier_internal.clock_problem() returns text
    language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    select case when b.boot_id = r.boot_id and greatest(m.moved, - m.moved) > interval '1 hour'
                then format('the clock went %s by %s since %s, beside the %s that passed',
                            case when m.moved > interval '0' then 'forward' else 'back' end,
                            date_trunc('second', greatest(m.moved, - m.moved)), date_trunc('second', r.at),
                            date_trunc('second', make_interval(secs => b.seconds - r.seconds)))
                when b.boot_id <> r.boot_id and t.now < r.at
                then format('the clock says %s, but it was %s before the machine was started again', date_trunc('second', t.now), date_trunc('second', r.at))
           end
      from atelier_internal.clock_readings r
     cross join lateral atelier_internal.boot_clock() b
     cross join lateral (select clock_timestamp() as now) t
     cross join lateral (select t.now - r.at - make_interval(secs => b.seconds - r.seconds) as moved) m;
end;
comment on function atelier_internal.clock_problem() is
    'Why the time of the day cannot be trusted: it moved by more than an hour against the clock of the machine, or is earlier than before a reboot; null: it can be. A clock that was set forward while the machine was off cannot be told from one that went on.';

create function atelier_internal.begin_deletion(p_task text, p_batch integer) returns boolean
    language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_problem text;
    v_reads boolean;
begin
    perform atelier_internal.refuse_context('the purge');
    if p_batch is null or p_batch not between 1 and 10000 then
        raise exception 'batch must be from 1 to 10000'
            using errcode = 'invalid_parameter_value', hint = 'Call it again until it returns 0.';
    elsif atelier_internal.is_copy() then
        raise warning 'nothing is purged: this database is a copy of another one'
            using hint = 'Where the original runs no more, SELECT atelier.adopt_jobs();';
        return false;
    elsif not atelier_internal.begin_task(p_task) then
        return false;
    end if;
    -- Where another task reads the clock at this moment, that one remembers the time and tells what is wrong with it: tasks do not
    -- wait for each other.
    perform 1 from atelier_internal.clock_readings for update skip locked;
    v_reads := found;
    v_problem := atelier_internal.clock_problem();
    if v_problem is not null then
        if v_reads then
            perform atelier_internal.raise_alert('clock_moved', 'nothing is purged: ' || v_problem,
                'Put the clock right; or, where it is right, SELECT atelier.confirm_clock();');
        end if;
        insert into atelier_internal.purge_log (task, action, entity, reason) values (p_task, 'refused', 'task', v_problem)
        on conflict (task) where action = 'refused' do update set at = now(), reason = excluded.reason;
        raise warning 'nothing is purged: %', v_problem
            using hint = 'Put the clock right; or, where it is right, SELECT atelier.confirm_clock();';
        return false;
    end if;
    if v_reads then
        perform atelier_internal.read_clock();
        update atelier_internal.alerts a set resolved_at = now() where a.kind = 'clock_moved' and a.resolved_at is null;
    end if;
    return true;
end
$$;
comment on function atelier_internal.begin_deletion(text, integer) is
    'Whether this transaction may run a batch of a task that deletes by age: false while another one does; with a warning in a copy before atelier.adopt_jobs(); and, with a warning, an alert and a row of the purge log, while the clock cannot be trusted. 22023 for a bad batch, 55000 in a transaction that works for one client.';

create function atelier.confirm_clock() returns timestamptz
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_problem text := atelier_internal.clock_problem();
begin
    perform atelier_internal.refuse_context('the clock');
    perform atelier_internal.read_clock();
    update atelier_internal.alerts a set resolved_at = now() where a.kind = 'clock_moved' and a.resolved_at is null;
    perform atelier_internal.audit('clock.confirmed', 'clock', null, null, jsonb_strip_nulls(jsonb_build_object('was', v_problem)));
    return (select r.at from atelier_internal.clock_readings r);
end
$$;
comment on function atelier.confirm_clock() is
    'Says that the time of the server is right, and returns it: what the purge refused because the clock had moved is done at its next run. Look at the time first: what is older than its window by this time is deleted for good. 55000 in a transaction that works for one client.';
