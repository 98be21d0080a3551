create view atelier.registrations with (security_invoker, security_barrier) as
select p.extension, 'pipeline' as kind, p.name, atelier_internal.is_present(p.extension) as is_installed
  from atelier_internal.pipelines p where p.extension is not null
union all
select t.extension, 'transition', format('%s: %s to %s', t.entity, t.from_status, t.to_status), atelier_internal.is_present(t.extension)
  from atelier_internal.status_transitions t where t.extension is not null
union all
select s.extension, 'stored_objects', s.holder::text, atelier_internal.belongs_to_extension('pg_class', s.holder, s.extension)
  from atelier_internal.stored_objects s;
comment on view atelier.registrations is 'What other extensions have registered. While one is not installed nothing of it counts, and jobs of its pipelines wait.';
comment on column atelier.registrations.extension is 'The extension.';
comment on column atelier.registrations.kind is 'pipeline, transition or stored_objects.';
comment on column atelier.registrations.name is 'The pipeline, the status change with its entity, or the table whose rows hold objects.';
comment on column atelier.registrations.is_installed is 'Whether it counts at present.';
