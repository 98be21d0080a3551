-- Prints the settings as Markdown, from pg_settings.
\set QUIET on
select e'# Settings\n\nMade from the server''s own catalogue by `scripts/reference.sh`. `sighup`: postgresql.conf and a reload. `superuser`: also SET, ALTER ROLE and ALTER DATABASE by superusers. `user`: also SET by anybody.\n';
select e'| setting | default | changed by | meaning |\n| --- | --- | --- | --- |';
select format('| `%s` | `%s` | %s | %s |', s.name, coalesce(nullif(current_setting(s.name), ''), ''''''), s.context,
              concat_ws(' ', s.short_desc, s.extra_desc))
  from pg_settings s where s.name like 'pg\_atelier.%' order by s.name;
