-- Prints the reference of the public schema as Markdown, from the comments in the database.
\set QUIET on
\pset footer off
select e'# SQL reference\n\nMade from the comments in the database by `scripts/reference.sh`; change them there.\n\n## Functions\n';
select format(e'### `%s`\n\n`%s(%s)` returns `%s`\n\n%s\n', p.proname, p.proname, pg_get_function_arguments(p.oid),
              pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc'))
  from pg_proc p where p.pronamespace = 'atelier'::regnamespace order by p.proname, p.oid::regprocedure::text;
select e'## Views and tables\n';
select format(e'### `%s`\n\n%s\n\n| column | type | meaning |\n| --- | --- | --- |\n%s\n', c.relname, obj_description(c.oid, 'pg_class'),
              (select string_agg(format('| `%s` | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod),
                                        replace(col_description(c.oid, a.attnum), '|', '\|')), e'\n' order by a.attnum)
                 from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
  from pg_class c where c.relnamespace = 'atelier'::regnamespace and c.relkind in ('r', 'p', 'v')
 order by c.relkind = 'r', c.relname;
