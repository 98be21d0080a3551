-- Reads each view that operators are granted once, as one of them: whole what sums up, a thousand rows of what lists, one client's
-- of the history of assets, which is sorted.
set jit = off;
do $$
declare
    v_view text;
    v_started timestamptz;
    v_shown bigint;
    v_lists constant text[] := array['attempts', 'audit_log', 'collection_overview', 'deleted_assets', 'deletion_queue', 'erasure_log', 'fsck_findings',
                                     'generation_queue', 'job_history', 'jobs', 'live_assets', 'purge_log', 'usage_ledger'];
begin
    for v_view in
        select c.relname from pg_class c, aclexplode(c.relacl) a
         where c.relnamespace = 'atelier'::regnamespace and c.relkind = 'v' and a.grantee = 'atelier_admin'::regrole and a.privilege_type = 'SELECT'
         order by c.relname
    loop
        set local role bench_dba;
        v_started := clock_timestamp();
        -- The rows are made, but not kept: count(*) alone would leave out what its columns cost.
        execute format('select count(v::text) from (select * from atelier.%I %s) v', v_view,
                       case when v_view = any (v_lists) then 'limit 1000'
                            when v_view = 'asset_history' then format('where client_id = %L', md5('client1')::uuid) end) into v_shown;
        reset role;
        insert into bench.samples (view, ms, shown) values (v_view, extract(epoch from clock_timestamp() - v_started) * 1000, v_shown);
    end loop;
end
$$;
update bench.samples set round = :round where round is null;
