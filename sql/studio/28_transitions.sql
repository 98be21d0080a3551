-- Status changes that other extensions allow, and the trigger that judges those of their own tables.

create function atelier_internal.check_transition_name(p_parameter text, p_value text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform atelier_internal.require(p_parameter, p_value is not null);
    if p_value !~ '^[a-z][a-z0-9_.]{0,62}$' then
        raise exception '% is not valid', p_parameter
            using errcode = 'invalid_parameter_value', detail = format('It is %s.', to_json(left(p_value, 200))),
                  hint = 'Write a word of lower-case letters, digits, _ and ., at most 63, that begins with a letter.';
    end if;
end
$$;
comment on function atelier_internal.check_transition_name(text, text) is 'Raises 22004 or 22023 for what cannot be the name of an entity or of a status.';

create function atelier.register_transition(entity text, from_status text, to_status text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_extension text := atelier_internal.registering_extension();
    v_known text[];
begin
    perform atelier_internal.check_transition_name('entity', entity);
    perform atelier_internal.check_transition_name('from_status', from_status);
    perform atelier_internal.check_transition_name('to_status', to_status);
    v_known := array(
        select distinct s.status from atelier_internal.status_transitions t
         cross join lateral (values (t.from_status), (t.to_status)) as s (status)
         where t.entity = entity and t.built_in order by 1);
    if from_status = to_status then
        raise exception 'from_status and to_status are the same'
            using errcode = 'invalid_parameter_value', hint = 'An UPDATE that leaves the status as it is needs no permission.';
    elsif v_known <> '{}' and not v_known @> array[from_status, to_status] then
        raise exception 'entity % has no such status', entity
            using errcode = 'invalid_parameter_value', detail = format('From %s to %s was asked for.', from_status, to_status),
                  hint = format('It can be: %s.', array_to_string(v_known, ', '));
    elsif (entity, from_status) in (('generated_asset', 'completed'), ('image', 'deleting')) then
        raise exception 'status % of % is final', from_status, entity
            using errcode = 'object_not_in_prerequisite_state', hint = 'No extension can allow that: the engine relies on it.';
    end if;
    insert into atelier_internal.status_transitions (entity, from_status, to_status, extension)
    values (entity, from_status, to_status, v_extension)
    on conflict do nothing;
end
$$;
comment on function atelier.register_transition(text, text, text) is
    'Allows a status change with an extension: called by its script. entity is generated_asset, collection or image, whose statuses stay those that they have; or a name of the extension''s own, whose table is to have the trigger atelier.check_status(). It counts while the extension is installed. 22023 for a bad name or an unknown status; 55000 for one that is final, and outside the script of an extension that requires pg_atelier.';

create function atelier.unregister_transition(entity text, from_status text, to_status text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    v_extension text := atelier_internal.registering_extension();
begin
    delete from atelier_internal.status_transitions t
     where t.entity = entity and t.from_status = from_status and t.to_status = to_status and t.extension = v_extension;
    return found;
end
$$;
comment on function atelier.unregister_transition(text, text, text) is
    'Takes back a status change that the extension registered earlier, for the update script of a version that does without it; false when it registered none. 55000 outside the script of an extension.';

create function atelier.check_status() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op <> 'UPDATE' or tg_level <> 'ROW' or tg_nargs <> 1 then
        raise exception 'atelier.check_status() is for UPDATE, FOR EACH ROW, with the name of the entity'
            using errcode = 'invalid_parameter_value',
                  hint = 'CREATE TRIGGER ... BEFORE UPDATE OF status ON ... FOR EACH ROW EXECUTE FUNCTION atelier.check_status(''name'');';
    end if;
    if old.status is distinct from new.status then
        perform atelier_internal.check_status_change(tg_argv[0], to_jsonb(old) ->> 'id', old.status::text, new.status::text);
    end if;
    return new;
end
$$;
comment on function atelier.check_status() is
    'Trigger for a table of an extension, with a column status: BEFORE UPDATE, FOR EACH ROW, its argument is the entity. Lets the status change only as atelier.register_transition() says; 23514 otherwise.';
