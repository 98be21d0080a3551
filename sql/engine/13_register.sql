-- What other extensions bring. Their scripts register it, at each CREATE EXTENSION, a restore's included: so a dump leaves it out,
-- and it counts while the extension is installed. A restore turns row_security off, and would be refused where a policy applies.

create function atelier_internal.registering_extension() returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_extension text := atelier_internal.current_extension();
begin
    if v_extension is null then
        raise exception 'only the script of an extension can register something'
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Call it in the install script of an extension, or in an update script. A pipeline of your own is made by atelier.define_pipeline().';
    elsif not exists (
        select from pg_depend d
          join pg_extension e on e.oid = d.objid
          join pg_extension a on a.oid = d.refobjid
         where d.classid = 'pg_extension'::regclass and d.refclassid = 'pg_extension'::regclass
           and e.extname = v_extension and a.extname = 'pg_atelier')
    then
        raise exception 'extension "%" does not require pg_atelier', v_extension
            using errcode = 'object_not_in_prerequisite_state',
                  detail = 'A restored dump would create the two in any order.',
                  hint = 'Write requires = ''pg_atelier'' into its control file.';
    end if;
    return v_extension;
end
$$;
comment on function atelier_internal.registering_extension() is
    'The extension whose script calls; 55000 outside a script, and for an extension that does not require pg_atelier.';

create function atelier_internal.belongs_to_extension(p_class regclass, p_object oid, p_extension text) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic
    select exists (select from pg_depend d join pg_extension e on e.oid = d.refobjid
                    where d.classid = p_class and d.objid = p_object and d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass
                      and e.extname = p_extension);
end;
comment on function atelier_internal.belongs_to_extension(regclass, oid, text) is
    'Whether an object of a catalog (pg_proc, pg_class) is a member of an extension, so that its script makes it anew at a restore.';

create function atelier.register_pipeline(name text, steps jsonb, description text, run_as text, used_by text default null) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = on
as $$
declare
    v_extension text := atelier_internal.registering_extension();
    v_foreign text;
begin
    if register_pipeline.run_as is null then
        raise exception 'run_as must not be null'
            using errcode = 'null_value_not_allowed',
                  hint = 'Name the role as which the functions of the pipeline run; the script may create it, without login.';
    end if;
    perform atelier_internal.write_pipeline(register_pipeline.name, register_pipeline.steps, register_pipeline.description,
                                            register_pipeline.run_as, register_pipeline.used_by, v_extension);
    select s.handler into v_foreign
      from atelier_internal.steps s
     where s.pipeline = register_pipeline.name and s.handler is not null
       and not exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                        where format('%I.%I', n.nspname, p.proname) = s.handler and p.proargtypes[0] = 'jsonb'::regtype and p.pronargs = 1
                          and atelier_internal.belongs_to_extension('pg_proc', p.oid, v_extension))
     order by s.position limit 1;
    if found then
        raise exception 'function %(jsonb) is none of extension "%"', v_foreign, v_extension
            using errcode = 'object_not_in_prerequisite_state',
                  detail = 'When a dump is restored it would not be there yet.',
                  hint = 'Create it in the script of the extension, before the pipeline.';
    end if;
end
$$;
comment on function atelier.register_pipeline(text, jsonb, text, text, text) is
    'Brings a pipeline with an extension: called by its script, as atelier.define_pipeline() is by users. The functions of its steps belong to the extension too; run_as has to be named. Called again it replaces what the extension registered under that name. While the extension is not installed nothing begins of the pipeline: jobs whose turn comes are held, and go on when it is there again. 55000 outside the script of an extension that requires pg_atelier, or for a function that is none of it; the rest as define_pipeline().';

create function atelier.unregister_pipeline(name text) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = on
as $$
declare
    v_extension text := atelier_internal.registering_extension();
    v_jobs bigint;
begin
    select count(*) into v_jobs from atelier_internal.jobs j
      join atelier_internal.pipelines p on p.name = j.pipeline
     where p.name = unregister_pipeline.name and p.extension = v_extension;
    if v_jobs > 0 then
        raise exception 'pipeline "%" has % live job(s)', left(unregister_pipeline.name, 200), v_jobs
            using errcode = 'object_in_use',
                  hint = format('Let them end, or SELECT * FROM atelier.cancel_jobs(%L); then try again.', jsonb_build_object('pipeline', left(unregister_pipeline.name, 200)));
    end if;
    delete from atelier_internal.pipelines p where p.name = unregister_pipeline.name and p.extension = v_extension;
    return found;
end
$$;
comment on function atelier.unregister_pipeline(text) is
    'Takes back a pipeline that the extension registered earlier, for the update script of a version that does without it; false when it registered none of that name. 55006 while jobs of it are live, 55000 outside the script of an extension.';
