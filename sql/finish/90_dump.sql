-- Rows that this script wrote are excluded: the script writes them again at restore.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['lanes', 'pauses', 'client_shares', 'jobs', 'queue_entries', 'deferrals', 'start_deadlines', 'parked_jobs', 'job_dependencies', 'order_keys', 'ordered_jobs', 'order_checks', 'idempotency_keys', 'cancellations', 'object_owners',
                                   'object_deletions', 'ledger', 'budgets', 'budget_usage', 'reserves', 'spend_days', 'budget_holds', 'budget_checks', 'cost_settlements', 'alerts', 'audit_log', 'erasures', 'purge_log', 'job_children', 'step_results'] loop
        perform pg_extension_config_dump(format('atelier_internal.%I', v_table)::regclass, '');
    end loop;
    for v_table in
        select c.relname from pg_class c join pg_inherits i on i.inhrelid = c.oid
         where c.relnamespace = 'atelier_internal'::regnamespace and c.relkind = 'r'
    loop
        perform pg_extension_config_dump(format('atelier_internal.%I', v_table)::regclass, '');
    end loop;
    for v_table in select c.relname from pg_class c where c.relnamespace = 'atelier_internal'::regnamespace and c.relkind = 'S' loop
        perform pg_extension_config_dump(format('atelier_internal.%I', v_table)::regclass, '');
    end loop;
    -- What an extension registered its own script writes again; of one that is absent there may be jobs that wait for it.
    perform pg_extension_config_dump('atelier_internal.pipelines',
        'where not built_in and (extension is null or not atelier_internal.is_present(extension))');
    perform pg_extension_config_dump('atelier_internal.steps',
        'where not built_in and not exists (select from atelier_internal.pipelines p where p.name = pipeline and p.extension is not null and atelier_internal.is_present(p.extension))');
    perform pg_extension_config_dump('atelier_internal.maintenance_tasks', 'where not built_in');
    perform pg_extension_config_dump('atelier.prices', '');
end
$$;
