\set QUIET on
begin;
\ir engine_fixture.psql
select plan(31);

-- a job goes through its steps
select (pg_temp.enqueue('two_steps'))[1] as job \gset
select is(pg_temp.state_of(:'job'), 'waiting', 'a new job waits');
select * from pg_temp.lease() \gset a_
select is(:'a_job_id'::uuid, :'job'::uuid, 'the job is leased');
select is(pg_temp.state_of(:'job'), 'leased', 'and says so');
select is((select count(*) from atelier_internal.queue_entries), 0::bigint, 'its queue entry is gone');
select is((select count(*) from atelier.attempts where job_id = :'job' and outcome is null), 1::bigint, 'its attempt stands before the order leaves');
select is((select count(*) from pg_temp.lease()), 0::bigint, 'it is not leased twice');

-- the fence: each answer is tried and undone, so that one that passes it spoils no other test
create function pg_temp.state_if_settled(p_job uuid, p_answer jsonb, p_epoch bigint default 1) returns text language plpgsql as $$
begin
    perform pg_temp.settle(array[p_answer], p_epoch);
    raise exception using errcode = 'T0001', message = pg_temp.state_of(p_job);
exception when sqlstate 'T0001' then
    return sqlerrm;
end
$$;
select is(pg_temp.state_if_settled(:'job', pg_temp.answer(jsonb_set(:'a_lease', '{token}', '1'))), 'leased', 'fence: an answer with another token changes nothing');
select is(pg_temp.state_if_settled(:'job', pg_temp.answer(jsonb_set(:'a_lease', '{attempt}', '0'))), 'leased', 'fence: an answer of another attempt changes nothing');
select throws_ok(format('select pg_temp.state_if_settled(%L, %L, 2)', :'job', pg_temp.answer(:'a_lease')), '57P01', null,
                 'fence: an incarnation that was replaced settles nothing');
select throws_ok('select pg_temp.lease(10, 2)', '57P01', null, 'fence: and leases nothing');

select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, '{}', '[{"unit":"image","quantity":2,"cost":0.5,"currency":"USD"}]')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'waiting', 'after the first step it waits for the second');
select is((select j.step from atelier_internal.jobs j where j.id = :'job'), 2::smallint, 'at step 2');
select is((select (quantity, cost)::text from atelier.usage_ledger where job_id = :'job'), '(2,0.5)', 'usage stands in the ledger');
select pg_temp.settle(array[pg_temp.answer(:'a_lease')]) as ignored \gset
select is((select outcome from atelier.attempts where attempt_id = :a_attempt_id), 'completed', 'the same answer twice changes nothing');
select * from pg_temp.lease() \gset b_
select pg_temp.settle(array[pg_temp.answer(:'b_lease')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'completed', 'after the last step it is history');
select is((select count(*) from atelier.attempts where job_id = :'job'), 2::bigint, 'one attempt per step');

-- an answer that comes after the job went on
select (pg_temp.enqueue('one_step'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.release(1, null, 'worker_lost', true, 'lost') as ignored \gset
select is(pg_temp.state_of(:'job'), 'waiting', 'a lost lease is given back');
select * from pg_temp.lease() \gset b_
select isnt(:'a_lease'::jsonb ->> 'token', :'b_lease'::jsonb ->> 'token', 'with a new token');
select isnt((select image_id from atelier_internal.attempts where id = :a_attempt_id),
            (select image_id from atelier_internal.attempts where id = :b_attempt_id), 'and an image id of its own');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, '{"object":{"store":"file","key":"late"}}')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'leased', 'fence: the late answer changes nothing');
select is((select outcome from atelier.attempts where attempt_id = :a_attempt_id), 'stale', 'its attempt is marked stale');
select is((select key from atelier_internal.object_deletions), 'late', 'and what it stored is queued for deletion');
select pg_temp.settle(array[pg_temp.answer(:'a_lease', null, '{"object":{"store":"file","key":"late"}}')]) as ignored \gset
select is((select count(*) from atelier_internal.object_deletions), 1::bigint, 'once');
select pg_temp.settle(array[pg_temp.answer(:'b_lease')]) as ignored \gset
select is(pg_temp.state_of(:'job'), 'completed', 'the current attempt completes it');

-- a bad row fails alone
create function pg_temp.picky(p_leases atelier_internal.lease[])
    returns table (job_id uuid, request jsonb, error_class text, error_message text) language sql as $$
    select l.job_id, jsonb_build_object('quotient', 6 / ((l.input ->> 'n')::integer - 2)), null, null from unnest(p_leases) l
$$;
update atelier_internal.steps set prepare = 'pg_temp.picky' where pipeline = 'one_step';
select pg_temp.enqueue('one_step', 3) as jobs \gset
select is((select count(*) from pg_temp.lease()), 2::bigint, 'a row that cannot be prepared does not hold up the others');
select is(pg_temp.state_of((:'jobs'::uuid[])[2]), 'failed:invalid_request', 'it fails alone');
select is((select sent from atelier.attempts where job_id = (:'jobs'::uuid[])[2]), false, 'and nothing was sent for it');
select atelier_internal.cancel_jobs(:'jobs', 'test') as ignored \gset

-- an answer that SQL cannot take
update atelier_internal.steps set prepare = null where pipeline = 'one_step';
select (pg_temp.enqueue('one_step'))[1] as job \gset
select * from pg_temp.lease() \gset a_
select atelier_internal.settle_rejected(1, :a_attempt_id, (:'a_lease'::jsonb ->> 'token')::bigint, '{}', '22P02', 'nonsense') as ignored \gset
select is(pg_temp.state_of(:'job'), 'waiting:retry', 'an answer that cannot be recorded is an invalid output: once more');
select is((select error_class from atelier.attempts where attempt_id = :a_attempt_id), 'invalid_output', 'and its attempt says so');

-- illegal transitions
select throws_ok(format('update atelier_internal.jobs set state = %L, token = 1, epoch = 1, attempt_id = 1, run_after = null where id = %L', 'draining', :'job'),
                 '23514', null, 'a job cannot go from waiting to draining');
select throws_ok(format('update atelier_internal.jobs set state = %L, run_after = null where id = %L', 'leased', :'job'),
                 '23514', null, 'a lease needs token, epoch and attempt');
select * from finish();
rollback;
