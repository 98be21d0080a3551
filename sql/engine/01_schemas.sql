set local search_path = pg_catalog, pg_temp;
set local check_function_bodies = off;

do $$
begin
    if getdatabaseencoding() <> 'UTF8' then
        raise exception 'pg_atelier needs a UTF8 database, this one is %', getdatabaseencoding()
            using errcode = 'feature_not_supported',
                  hint = format('Make one with: CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8'';',
                                current_database() || '_utf8');
    end if;
end
$$;

-- Roles are shared by all databases of the cluster, so one may be there already; one that could be
-- logged into or that bypasses row-level security would undo every grant made below.
do $$
declare
    v_role text;
    v_found record;
begin
    foreach v_role in array array['atelier_owner', 'atelier_app', 'atelier_admin', 'atelier_observer'] loop
        select r.rolcanlogin, r.rolsuper, r.rolbypassrls into v_found
          from pg_roles r where r.rolname = v_role;
        if not found then
            execute format('create role %I nologin', v_role);
        elsif v_found.rolcanlogin or v_found.rolsuper or v_found.rolbypassrls then
            raise exception 'role "%" can log in, is superuser or bypasses row-level security', v_role
                using errcode = 'invalid_role_specification',
                      hint = format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS; or rename it.', v_role);
        end if;
    end loop;
end
$$;

create schema atelier;
comment on schema atelier is 'Public surface of pg_atelier: functions, views and tables that applications and DBAs use.';

create schema atelier_internal;
comment on schema atelier_internal is 'The engine''s own tables and functions. Not granted to applications; may change with any version.';
