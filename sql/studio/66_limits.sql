-- Limits that are watched, not enforced; and counts that nobody asks for any more.

create function atelier.check_limits() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit integer := atelier_internal.setting('client_asset_soft_limit')::integer;
    v_many record;
    v_kinds text[] := '{}';
    v_handled integer := 0;
    v_more integer;
begin
    perform atelier_internal.refuse_context('check_limits()');
    if not atelier_internal.begin_task('check_limits') then
        return 0;
    end if;
    for v_many in
        select 'client_assets:' || c.client_id as kind,
               format('client %s has %s assets, the soft limit is %s', c.client_id, c.assets, v_limit) as message
          from (select a.client_id, count(*) as assets from atelier.generated_assets a where a.deleted_at is null group by a.client_id) as c
          join atelier.clients k on k.id = c.client_id
         where v_limit > 0 and c.assets >= v_limit * 0.9
         order by c.client_id
           -- An alert names its client. Of one that is being erased nothing is said any more.
           for key share of k skip locked
    loop
        v_kinds := v_kinds || v_many.kind;
        if not exists (select from atelier_internal.alerts a
                        where a.kind = v_many.kind and a.message = v_many.message and a.resolved_at is null) then
            perform atelier_internal.raise_alert(v_many.kind, v_many.message,
                'Nothing is refused for it. atelier.soft_delete_asset() deletes what is not needed; pg_atelier.client_asset_soft_limit sets the limit, 0 ends the warning.');
            v_handled := v_handled + 1;
        end if;
    end loop;
    -- Who works for one client sees no assets of the others.
    update atelier_internal.alerts a set resolved_at = now()
     where a.kind like 'client\_assets:%' and a.kind <> all (v_kinds) and a.resolved_at is null
       and (atelier.current_client_id() is null or a.kind = 'client_assets:' || atelier.current_client_id());
    get diagnostics v_more = row_count;
    v_handled := v_handled + v_more;
    delete from atelier_internal.usage_counts u
     using atelier_internal.quota_periods() as p
     where u.period = p.period and u.starts < p.starts - case p.period when 'day' then 62 else 400 end
       and atelier_internal.clock_problem() is null;
    get diagnostics v_more = row_count;
    v_handled := v_handled + v_more;
    perform atelier_internal.end_task('check_limits', v_handled);
    return v_handled;
end
$$;
comment on function atelier.check_limits() is
    'Warns of clients that hold nine tenths of pg_atelier.client_asset_soft_limit or more in assets that are not deleted, with one alert each (client_assets:<client>), and resolves the alerts of those that do not any more. Forgets usage counts of days older than 62 days and of months older than 400. Returns how many rows it changed; 0 also while another session does it. 55000 in a transaction that works for one client.';
