-- Rows that this script wrote are excluded: the script writes them again at restore.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['lanes', 'pauses', 'client_shares', 'jobs', 'queue_entries', 'deferrals', 'start_deadlines', 'parked_jobs', 'job_dependencies', 'order_keys', 'ordered_jobs', 'order_checks', 'idempotency_keys', 'cancellations', 'object_owners',
                                   'object_deletions', 'ledger', 'alerts', 'audit_log', 'erasures', 'purge_log'] loop
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
    perform pg_extension_config_dump('atelier_internal.pipelines', 'where not built_in');
    perform pg_extension_config_dump('atelier_internal.steps', 'where not built_in');
    perform pg_extension_config_dump('atelier_internal.maintenance_tasks', 'where not built_in');
    perform pg_extension_config_dump('atelier.prices', '');
end
$$;
