-- Two clients, their people and what an application may do for one of them: contexts, memberships, refusals that tell nothing.
begin;
\ir include/studio.psql
select no_plan();
select pg_temp.start_engine();

create role tenancy_app login in role atelier_app;
create role tenancy_admin login in role atelier_admin;
create role tenancy_observer login in role atelier_observer;
-- What a command of a role is refused with, without a context.
create function pg_temp.refusal(p_role text, p_command text) returns text language sql as $$
    select pg_temp.error_of(format('set local role %I; %s; reset role', p_role, p_command))
$$;
-- What a role that works for a user reads, after it did something; its context, and all that it did, is rolled back.
create function pg_temp.seen(p_role text, p_context text, p_query text, p_before text default null) returns text language plpgsql as $$
declare
    v_seen text;
begin
    begin
        execute format('set local role %I', p_role);
        if p_context is not null then
            execute format('select atelier.set_context(%s)', p_context);
        end if;
        if p_before is not null then
            execute p_before;
        end if;
        execute p_query into v_seen;
        raise exception using errcode = 'XX999';
    exception when sqlstate 'XX999' then
        null;
    end;
    return v_seen;
end
$$;

select atelier.create_client('North', 'tenancy-north') as north, atelier.create_client('South', 'tenancy-south') as south \gset
select atelier.create_user('owner@north.example', 'Olga') as olga, atelier.create_user('member@north.example', 'Max') as max, atelier.create_user('viewer@north.example', 'Vera') as vera,
       atelier.create_user('Sam@South.example', 'Sam') as sam, atelier.create_user('admin@north.example', 'Ada') as ada, atelier.create_user('nobody@example.com', 'Nobody') as nobody \gset
select null from (select atelier.add_member(:'north', :'olga', 'owner'), atelier.add_member(:'north', :'max'), atelier.add_member(:'north', :'vera', 'viewer'), atelier.add_member(:'north', :'ada', 'admin'),
       atelier.add_member(:'south', :'sam', 'owner')) as done;

-- Contexts
select is(pg_temp.seen('tenancy_app', quote_literal(:'max'), 'select concat_ws('' '', atelier.current_client_id(), atelier.current_user_id())'), :'north' || ' ' || :'max', 'S2-06, S2-18: an application names the user, which tells the client');
select is(pg_temp.seen('tenancy_app', format('%L, %L', :'max', :'north'), 'select atelier.current_client_id()::text'), :'north', 'S2-16: naming the client of the user changes nothing');
select is(pg_temp.seen('tenancy_app', null, 'select coalesce(atelier.current_client_id()::text, ''none'')'), 'none', 'S2-16: without a context there is no client');
select is(pg_temp.seen('tenancy_app', null, 'select sum(n)::text from (select count(*) n from atelier.clients union all select count(*) from atelier.users union all select count(*) from atelier.members) c'), '0', 'S2-15: and nothing is seen');
select is(pg_temp.seen('tenancy_app', quote_literal(:'max'), 'select string_agg(slug, '','') from atelier.clients'), 'tenancy-north', 'S2-15: with one its client alone');
select is(pg_temp.seen('tenancy_app', quote_literal(:'max'), 'select string_agg(name, '','' order by name) from atelier.users'), 'Ada,Max,Olga,Vera', 'S2-15: its people alone');
select is(pg_temp.seen('tenancy_app', quote_literal(:'sam'), 'select string_agg(user_id::text, '','') from atelier.members'), :'sam', 'S2-15: its memberships alone');
select is(pg_temp.seen('tenancy_admin', null, 'select string_agg(slug, '','' order by slug) from atelier.clients where slug like ''tenancy-%'''), 'tenancy-north,tenancy-south', 'S2-01, S2-05, S2-17: an operator without a selection sees all clients');
select is(pg_temp.seen('tenancy_admin', format('client_id => %L', :'south'), 'select string_agg(slug, '','') from atelier.clients'), 'tenancy-south', 'S2-17: with one only that');
select is(pg_temp.seen('tenancy_admin', format('%L', :'vera'), 'select atelier.current_user_id()::text'), :'vera', 'S2-17: an operator can work for a user too');

select is(pg_temp.refusal('tenancy_app', command), '42501 | the user is no active member of the client | That is said also of a user or a client that does not exist. | Somebody who is owner or admin of the client invites with atelier.invite_member(), and atelier.accept_invitation() accepts.', 'S2-16: no context for ' || what)
  from (values ('a user of another client', format('select atelier.set_context(%L, %L)', :'sam', :'north')), ('a client that does not exist', format('select atelier.set_context(%L, gen_random_uuid())', :'max')),
               ('a user who does not exist', 'select atelier.set_context(gen_random_uuid())'), ('both', 'select atelier.set_context(gen_random_uuid(), gen_random_uuid())'),
               ('a user without a client', format('select atelier.set_context(%L)', :'nobody')), ('somebody else''s client', format('select atelier.set_context(%L, %L)', :'max', :'south'))) as t (what, command);
select matches(pg_temp.refusal('tenancy_app', command), '^22004 \| user_id must not be null', 'S2-16: an application names a user: ' || command)
  from (values ('select atelier.set_context()'), (format('select atelier.set_context(client_id => %L)', :'north'))) as t (command);
select matches(pg_temp.refusal('tenancy_admin', 'select atelier.set_context()'), '^22004 \| client_id must not be null', 'S2-17: an operator names a client');
select matches(pg_temp.refusal('tenancy_admin', 'select atelier.set_context(client_id => gen_random_uuid())'), '^23503 \| client not found', 'S2-17: one that there is');
select matches(pg_temp.refusal('tenancy_observer', format('select atelier.set_context(client_id => %L)', :'north')), '^42501 \| permission denied for function set_context', 'S2-16: an observer chooses nothing');
select matches(pg_temp.refusal_for('tenancy_app', :'max', command), '^55000 \| this transaction works for another client or user already \| The context ends with the transaction', 'S2-16: once a transaction, refused before anything is looked up: ' || what)
  from (values ('another user', format('select atelier.set_context(%L)', :'vera')), ('a member of another client', format('select atelier.set_context(%L)', :'sam')), ('nobody', 'select atelier.set_context(gen_random_uuid())'),
               ('another client', format('select atelier.set_context(%L, %L)', :'max', :'south')), ('a client that does not exist', format('select atelier.set_context(%L, gen_random_uuid())', :'max'))) as t (what, command);
select is(pg_temp.seen('tenancy_app', quote_literal(:'max'), format('select atelier.set_context(%L)::text', :'max')), :'north', 'S2-16: the same again is no other');
select matches(pg_temp.refusal('tenancy_app', format('set local atelier.current_client_id = %L; select atelier.create_product(%L, ''a'', ''a'', ''a'')', :'north', :'north')), '^23503 \| client not found', 'S2-16: no setting stands in for a context');
savepoint within;
savepoint inner_one;
select null from (select atelier.set_context(:'max')) as entered;
release savepoint inner_one;
select is(atelier.current_client_id()::text, :'north', 'S2-16: a released savepoint keeps the context');
rollback to savepoint within;
select is(atelier.current_client_id(), null, 'S2-16: a rollback to before it ends it');

select is(atelier.default_client(:'max')::text, :'north', 'S2-18: default_client() is the client of the oldest active membership');
select is(atelier.default_client(gen_random_uuid()), null, 'S2-18: of nobody null');
select is(pg_temp.seen('tenancy_app', quote_literal(:'max'), format('select coalesce(atelier.default_client(%L)::text, ''none'')', :'sam')), 'none', 'S2-18: within a context no other client is told');
select matches(pg_temp.error_of('select atelier.default_client(null)'), '^22004', 'S2-18: NULL is nobody');

-- What is not found is the same for what is somebody else's
select atelier.create_product(:'south', 'Secret', 'SECRET-1', 'seating') as product, atelier.create_collection(:'south', 'Secret') as collection, atelier.register_image(:'south', 'clients/' || :'south' || '/secret.jpg') as image \gset
select atelier.register_image(:'south', 'shared/taken.jpg') as taken \gset
select pg_temp.lease_all() as leased, pg_temp.succeed(:'image') as inspected \gset
select null from (select atelier.add_product_image(:'product', :'image')) as added;
select atelier.create_generation_request(:'south', :'product', pg_temp.whole()) as asset \gset
select atelier.add_inspiration(:'collection', :'image') as inspiration \gset
select job_id as job from atelier.generated_assets where id = :'asset' \gset
select atelier.create_product(:'north', 'Chair', 'N-1', 'seating') as chair, atelier.create_collection(:'north', 'Own') as own \gset
create table pg_temp.commands (command text, id text);
insert into pg_temp.commands values
    ('select atelier.create_product(@, ''a'', ''a'', ''a'')', :'south'), ('select * from atelier.list_products(@)', :'south'), ('select * from atelier.list_assets(@)', :'south'), ('select * from atelier.list_collections(@)', :'south'),
    ('select atelier.create_collection(@, ''a'')', :'south'), ('select * from atelier.request_upload(@, ''a.png'', ''image/png'', 1)', :'south'), ('select atelier.register_image(@, ''clients/a.jpg'')', :'south'),
    ('select atelier.update_client_settings(@, ''{}'')', :'south'), ('select atelier.invite_member(@, ''a'' || chr(64) || ''b.c'', ''A'')', :'south'), ('select atelier.set_member(@, gen_random_uuid())', :'south'), ('select atelier.remove_member(@, gen_random_uuid())', :'south'), ('select * from atelier.list_invitations(@)', :'south'), ('select atelier.withdraw_invitation(@, gen_random_uuid())', :'south'),
    ('select atelier.create_generation_request(@, gen_random_uuid(), ''{}'')', :'south'),
    (format('select atelier.create_generation_request(%L, @, pg_temp.whole())', :'north'), :'product'), (format('select atelier.create_generation_request(%L, %L, pg_temp.whole(), @)', :'north', :'chair'), :'collection'),
    (format('select atelier.create_generation_request(%L, %L, pg_temp.whole(), scene_image_id => @)', :'north', :'chair'), :'image'), (format('select atelier.create_collection(%L, ''a'', array[@]::uuid[])', :'north'), :'product'),
    (format('select * from atelier.list_assets(%L, @)', :'north'), :'product'), (format('select * from atelier.list_assets(%L, null, @)', :'north'), :'collection'), (format('select * from atelier.list_assets(%L, before => @)', :'north'), :'asset'),
    (format('select atelier.set_member(%L, @)', :'north'), :'sam'), (format('select atelier.remove_member(%L, @)', :'north'), :'sam'), (format('select atelier.withdraw_invitation(%L, @)', :'north'), (select id from atelier.members where user_id = :'sam')::text), (format('select atelier.accept_invitation(@, %L)', :'south'), :'sam'),
    (format('select atelier.add_inspiration(%L, @)', :'own'), :'image'), (format('select atelier.set_collection_products(%L, array[@]::uuid[])', :'own'), :'product'), (format('select atelier.build_product_settings(%L, @)', :'own'), :'product'),
    (format('select atelier.add_product_image(%L, @)', :'chair'), :'image'), ('select atelier.add_product_image(@, gen_random_uuid())', :'product'),
    ('select atelier.soft_delete_asset(@)', :'asset'), ('select atelier.restore_asset(@)', :'asset'), ('select atelier.cancel_generation(@)', :'asset'), ('select atelier.retry_asset(@)', :'asset'), ('select atelier.regenerate_asset(@)', :'asset'),
    ('select atelier.pin_asset(@)', :'asset'), ('select atelier.submit_generation(@)', :'asset'), ('select atelier.update_draft_asset(@, ''{}'')', :'asset'), ('select atelier.asset_status(@)', :'asset'),
    ('select atelier.rename_collection(@, ''a'')', :'collection'), ('select atelier.delete_collection(@)', :'collection'), ('select atelier.cancel_collection(@)', :'collection'), ('select atelier.collection_status(@)', :'collection'),
    ('select * from atelier.analyze_collection(@)', :'collection'), ('select * from atelier.generate_collection(@)', :'collection'), ('select atelier.update_collection_settings(@, ''{}'')', :'collection'), ('select atelier.import_unsplash(@, ''a'')', :'collection'),
    ('select * from atelier.analyze_products(@)', :'collection'), ('select atelier.analyze_scene(@)', :'inspiration'),
    ('select atelier.reorder_inspirations(@, ''{}'')', :'collection'), ('select atelier.remove_inspiration(@)', :'inspiration'), ('select atelier.image_url(@)', :'image'), ('select atelier.confirm_upload(@)', :'image'),
    ('select atelier.build_prompt(pg_temp.whole(), @)', :'product'), ('select * from atelier.explain_job(@)', :'job');
create function pg_temp.refused_alike(p_command text, p_id text, p_user uuid) returns text language sql as $$
    select case when with_it.error = 'no error' then 'not refused'
                when with_it.error like '42883%' then with_it.error
                when replace(with_it.error, p_id, '@') <> replace(never.error, '11111111-1111-4111-8111-111111111111', '@') then with_it.error || ' <> ' || never.error end
      from (select pg_temp.refusal_for('tenancy_app', p_user, replace(p_command, '@', quote_literal(p_id))) as error) as with_it,
           (select pg_temp.refusal_for('tenancy_app', p_user, replace(p_command, '@', quote_literal('11111111-1111-4111-8111-111111111111'))) as error) as never
$$;
select is(pg_temp.refused_alike(command, id, :'olga'), null, 'S2-67: refused word for word like what never existed: ' || replace(replace(command, :'north', 'north'), :'own', 'own')) from pg_temp.commands;
select matches(pg_temp.refusal('tenancy_app', replace(command, '@', quote_literal(id))), 'No client is chosen in this transaction, so nothing is found: SELECT atelier\.set_context\(user_id => \.\.\.\) comes first\.', 'S2-16: without a context that is the hint: ' || replace(command, :'north', 'north'))
  from pg_temp.commands where command not like '%accept_invitation%';

-- Keys of objects
select matches(pg_temp.refusal_for('tenancy_app', :'max', format('select atelier.register_image(%L, %L)', :'north', key)), '^42501 \| the object is not in the folder of the client \| The key is ".*"\. \| An application registers objects below clients/' || :'north' || '/ only\.', 'S2-67: an application registers nothing at ' || what)
  from (values ('a key that another client has', 'shared/taken.jpg'), ('a free key', 'shared/free.jpg'), ('another client''s folder', 'clients/' || :'south' || '/secret.jpg'), ('a free key there', 'clients/' || :'south' || '/free.jpg'),
               ('a folder that begins alike', 'clients/' || :'north' || 'x/a.jpg'), ('the folder itself', 'clients/' || :'north')) as t (what, key);
select is(pg_temp.seen('tenancy_app', quote_literal(:'max'), format('select (atelier.register_image(%L, %L) is not null)::text', :'north', 'clients/' || :'north' || '/chair.jpg')), 'true', 'S2-67: but below its own folder');
select lives_ok(format('select atelier.register_image(%L, %L)', :'north', 'shared/free.jpg'), 'S2-68: a DBA registers others');

select ok(not has_function_privilege('atelier_app', 'atelier.self_check()', 'execute') and has_function_privilege('atelier_observer', 'atelier.self_check()', 'execute'), 'S2-67: self_check tells of all clients, so it is not for applications');

-- Viewers
select is(pg_temp.seen('tenancy_app', quote_literal(:'vera'), format('select name from atelier.list_products(%L)', :'north')), 'Chair', 'S2-67: a viewer reads');
select matches(pg_temp.refusal_for('tenancy_app', :'vera', command), '^42501 \| (a viewer cannot change anything|only an owner or admin of the client may do that)', 'S2-67: a viewer changes nothing: ' || substring(command from 'atelier\.([a-z_]+)'))
  from (values (format('select atelier.create_product(%L, ''a'', ''a'', ''a'')', :'north')), (format('select atelier.create_collection(%L, ''a'')', :'north')), (format('select atelier.rename_collection(%L, ''a'')', :'own')),
               (format('select atelier.delete_collection(%L)', :'own')), (format('select atelier.register_image(%L, %L)', :'north', 'clients/' || :'north' || '/v.jpg')), (format('select atelier.create_generation_request(%L, %L, %L, enqueue => false)', :'north', :'chair', '{}')),
               (format('select atelier.invite_member(%L, ''v@example.com'', ''V'')', :'north')), (format('select atelier.remove_member(%L, %L)', :'north', :'vera')), (format('select atelier.update_client_settings(%L, ''{}'')', :'north')),
               (format('select atelier.set_collection_products(%L, array[%L]::uuid[])', :'own', :'chair')), (format('select atelier.update_collection_settings(%L, ''{}'')', :'own'))) as t (command);

-- People
select matches(pg_temp.error_of(format('select atelier.create_user(%L, %L)', email, name)), expected, 'S0-33: create_user refuses ' || what)
  from (values ('a taken address, whatever its case', 'sam@SOUTH.example', 'Sam', '^23505 \| email "sam@SOUTH.example" is taken'), ('NULL', null, 'a', '^22004'), ('no address', 'anna', 'a', '^22023 \| email "anna" is not valid'), ('a blank name', 'a@b.c', ' ', '^22023 \| name must')) as t (what, email, name, expected);
select matches(pg_temp.error_of(replace(replace(command, '@n', quote_literal(:'north')), '@u', quote_literal(:'nobody'))), expected, 'S0-34: add_member refuses ' || command)
  from (values ('select atelier.add_member(gen_random_uuid(), @u)', '^23503 \| client not found'), ('select atelier.add_member(@n, gen_random_uuid())', '^23503 \| user not found'), ('select atelier.add_member(@n, gen_random_uuid(), status => ''invited'')', '^23503 \| user not found'),
               ('select atelier.add_member(@n, @u, ''boss'')', '^22023 \| role "boss" is not known \| Give one of: owner, admin, member, viewer\.'), ('select atelier.add_member(@n, @u, status => ''gone'')', '^22023 \| status "gone"'),
               ('select atelier.add_member(@n, @u, null)', '^22004'), ('select atelier.add_member(@n, null)', '^22004')) as t (command, expected);
select matches(pg_temp.error_of(format('select atelier.add_member(%L, %L)', :'north', :'max')), '^23505 \| the user is a member already', 'S0-34: a member is not added again');
select matches(pg_temp.error_of(format('select atelier.add_member(%L, %L)', :'south', :'max')), '^55000 \| the user is an active member of another client .* pg_atelier\.single_client_per_user', 'S2-61, X-30: one active membership only');
set local pg_atelier.single_client_per_user = off;
select lives_ok(format('select atelier.add_member(%L, %L)', :'south', :'max'), 'S2-61, X-30: several where the setting allows it');
set local pg_atelier.single_client_per_user = on;
select matches(pg_temp.refusal('tenancy_app', format('select atelier.set_context(%L)', :'max')), '^22023 \| the user belongs to several clients .* Name one', 'S2-06: of several one is named');
select is(pg_temp.seen('tenancy_app', format('%L, %L', :'max', :'south'), 'select atelier.current_client_id()::text'), :'south', 'S2-06: which is the context then');
update atelier.members set created_at = created_at - interval '1 day' where user_id = :'max' and client_id = :'south';
select is(atelier.default_client(:'max')::text, :'south', 'S2-18: of several memberships the oldest counts');
select is(atelier.remove_member(:'south', :'max')::text, :'max', 'S0-34: a membership ends');

-- An invitation tells nothing of whom it is for
select is(pg_temp.seen('tenancy_app', quote_literal(:'olga'), $$select concat_ws(' ', email, role, (select count(*) from atelier.members where status = 'invited'), (select count(*) from atelier.users)) from atelier.list_invitations(atelier.current_client_id())$$,
                       format('select atelier.invite_member(%L, %L, %L, %L)', :'north', address, 'Somebody', 'admin')),
          address || ' admin 0 4', 'S2-67: an invitation of ' || what || ' looks the same: address and role, and no id of a user') from (values ('a user of another client', 'SAM@south.example'), ('a person nobody knows', 'new@example.com')) as t (what, address);
select matches(pg_temp.refusal_for('tenancy_app', who::uuid, format('select atelier.invite_member(%L, %L, %L, %L)', :'north', address, 'N', role)), expected, 'S0-34: invite_member refuses ' || what)
  from (values ('a member''s', :'max', 'n@example.com', 'member', '^42501 \| only an owner or admin'), ('an owner by an admin', :'ada', 'n@example.com', 'owner', '^42501 \| only an owner of the client may make'),
               ('no address', :'olga', 'n', 'member', '^22023 \| email'), ('an unknown role', :'olga', 'n@example.com', 'boss', '^22023 \| role')) as t (what, who, address, role, expected);
select matches(pg_temp.refusal_for('tenancy_app', :'olga', format('select atelier.invite_member(%L, %L, %L)', :'north', 'MEMBER@north.example', 'Max')), '^23505 \| the user is a member already', 'S0-34: a member is not invited again');
select atelier.invite_member(:'north', 'sam@south.example', 'Samuel') as invited \gset
select is(m.user_id, :'sam'::uuid, 'S0-34: who has an account keeps it') from atelier.members m where m.id = :'invited';
select isnt(:'invited'::uuid, :'sam'::uuid, 'S2-67: the id of the user, which set_context() would believe, is not told');
select is(pg_temp.seen('tenancy_app', quote_literal(:'ada'), 'select count(*)::text from atelier.list_invitations(atelier.current_client_id())', format('select atelier.withdraw_invitation(%L, %L)', :'north', :'invited')), '0', 'S0-34: an invitation is taken back');
select matches(pg_temp.refusal_for('tenancy_app', :'olga', format('select atelier.withdraw_invitation(%L, %L)', :'north', m.id)), '^P0002 \| invitation not found', 'S0-34: but no membership') from atelier.members m where m.user_id = :'ada';
select matches(pg_temp.refusal_for('tenancy_app', :'max', format('select * from atelier.list_invitations(%L)', :'north')), '^42501 \| only an owner or admin', 'S0-34: only who manages the client sees invitations');
select is((select name from atelier.users where id = :'sam'), 'Sam', 'S0-34: and their own name');
select matches(pg_temp.refusal('tenancy_app', format('select atelier.set_context(%L, %L)', :'sam', :'north')), '^42501', 'S2-16: an invitation is no membership yet');
select matches(pg_temp.refusal('tenancy_app', format('select atelier.accept_invitation(%L, %L)', :'sam', :'north')), '^55000 \| the user is an active member of another client', 'S2-61, X-30: nor can it be accepted beside another one');
select matches(pg_temp.refusal_for('tenancy_app', :'max', format('select atelier.accept_invitation(%L, %L)', :'sam', :'north')), '^P0002 \| invitation not found', 'S2-67: nor for somebody else');
select atelier.invite_member(:'north', 'new@example.com', 'New') as invitation \gset
select user_id as new from atelier.members where id = :'invitation' \gset
select is(pg_temp.seen('tenancy_app', null, 'select concat_ws('' '', atelier.current_client_id(), (select status from atelier.members where user_id = atelier.current_user_id()))', format('select atelier.accept_invitation(%L, %L)', :'new', :'north')), :'north' || ' active', 'S0-34: the user accepts through an application, which works for the client then');
select is(atelier.accept_invitation(:'new', :'north')::text, :'new', 'S0-34: or a DBA does for them');
select is(atelier.accept_invitation(:'new', :'north')::text, :'new', 'S0-34: again it changes nothing');
select is(pg_temp.seen('tenancy_app', quote_literal(:'new'), format('select atelier.current_client_id()::text')), :'north', 'S0-34: and is a member then');
select matches(pg_temp.error_of(format('select atelier.accept_invitation(%L, %L)', a, b)), '^P0002 \| invitation not found', 'S0-34: there is none for ' || what)
  from (values ('a user who was not invited', :'nobody', :'north'), ('nobody', '11111111-1111-4111-8111-111111111111', :'north'), ('no client', :'nobody', '11111111-1111-4111-8111-111111111111')) as t (what, a, b);

-- Changes of memberships
select matches(pg_temp.refusal_for('tenancy_app', who::uuid, replace(command, '@n', quote_literal(:'north'))), expected, 'S0-34: ' || what)
  from (values ('a member changes no member', :'max', format('select atelier.set_member(@n, %L, ''viewer'')', :'vera'), '^42501 \| only an owner or admin'), ('nor removes one', :'max', format('select atelier.remove_member(@n, %L)', :'vera'), '^42501 \| only an owner or admin'),
               ('an admin makes no owner', :'ada', format('select atelier.set_member(@n, %L, ''owner'')', :'max'), '^42501 \| only an owner of'), ('nor is one by changing themself', :'ada', format('select atelier.set_member(@n, %L, ''owner'')', :'ada'), '^42501 \| only an owner of'),
               ('nor changes one', :'ada', format('select atelier.set_member(@n, %L, ''viewer'')', :'olga'), '^42501 \| only an owner of'), ('nor removes one', :'ada', format('select atelier.remove_member(@n, %L)', :'olga'), '^42501 \| only an owner of'),
               ('nobody makes an invitation active for the user', :'olga', format('select atelier.set_member(@n, %L, status => ''active'')', :'sam'), '^42501 \| only the user makes'), ('an invitation is not suspended', :'olga', format('select atelier.set_member(@n, %L, status => ''suspended'')', :'sam'), '^55000 \| an invitation'),
               ('an unknown word', :'olga', format('select atelier.set_member(@n, %L, ''boss'')', :'max'), '^22023')) as t (what, who, command, expected);
select is(pg_temp.seen('tenancy_app', quote_literal(:'ada'), format('select role from atelier.members where user_id = %L', :'max'), format('select atelier.set_member(%L, %L, ''viewer'')', :'north', :'max')), 'viewer', 'S0-34: an admin makes a member a viewer');
select is(pg_temp.seen('tenancy_app', quote_literal(:'max'), format('select (atelier.remove_member(%L, %L) = %L)::text', :'north', :'max', :'max')), 'true', 'S0-34: a member may leave');
select is(atelier.set_member(:'north', :'max', status => 'suspended')::text, :'max', 'S0-34: a member is suspended');
select matches(pg_temp.refusal('tenancy_app', format('select atelier.set_context(%L)', :'max')), '^42501 \| the user is no active member', 'S2-16: which ends their contexts');
select is(atelier.set_member(:'north', :'max', status => 'active')::text, :'max', 'S0-34: an operator makes them active again');
select matches(pg_temp.error_of(format('select atelier.set_member(%L, %L, status => ''active'')', :'north', :'sam')), '^55000 \| the user is an active member of another client', 'S2-61, X-30: but not of a second client');

-- Settings of the client
select is(atelier.update_client_settings(:'north', '{"monthlyGenerationLimit": 7, "own": 1}'), '{"monthlyGenerationLimit": 7, "own": 1}', 'S0-32: settings are merged');
select is(pg_temp.seen('tenancy_app', quote_literal(:'ada'), format('select atelier.update_client_settings(%L, ''{"own": null, "more": true}'')::text', :'north')), '{"more": true, "monthlyGenerationLimit": 7}', 'S0-32: a JSON null takes a key away');
select matches(pg_temp.refusal_for('tenancy_app', :'olga', format('select atelier.update_client_settings(%L, %L)', :'north', change)), expected, 'S0-32: refused: ' || coalesce(change, 'NULL'))
  from (values ('{"monthlyGenerationLimit": 1000000}', '^42501 \| only operators change monthlyGenerationLimit'), ('{"monthlyGenerationLimit": null}', '^42501'), ('{"allowedFileTypes": 1}', '^22023 \| client setting "allowedFileTypes"'), ('[]', '^22023'), (null, '^22004')) as t (change, expected);
select matches(pg_temp.refusal_for('tenancy_app', :'max', format('select atelier.update_client_settings(%L, ''{}'')', :'north')), '^42501 \| only an owner or admin', 'S0-32: members do not change them');

-- The audit log knows of all that
select is(array(select distinct action from atelier_internal.audit_log where client_id in (:'north', :'south') or entity = 'user' order by 1),
          array['client.created', 'client.settings_changed', 'member.accepted', 'member.added', 'member.changed', 'member.invited', 'member.removed', 'user.created'], 'S2-10: who belongs to which client is in the audit log');
select is((select (role, client_id::text, details)::text from atelier_internal.audit_log where action = 'member.removed' order by id desc limit 1), format('(postgres,%s,"{""wasRole"": ""member"", ""wasStatus"": ""active""}")', :'south'), 'S2-10: with who did it, to whom');

-- Namespaces
set local pg_atelier.namespace = 'admin';
select atelier.register_image(:'north', 'clients/' || :'north' || '/admin.jpg') as by_admin \gset
set local pg_atelier.namespace = 'client';
select atelier.register_image(:'north', 'clients/' || :'north' || '/client.jpg') as by_client \gset
select is(array(select namespace from atelier.jobs where subject_id = id), array[wanted], 'S2-13, S2-14: a job says which application asked: ' || wanted)
  from (values (:'by_admin'::uuid, 'admin'), (:'by_client', 'client')) as t (id, wanted);
select set_eq($$ select namespace, jobs from atelier.queue where pipeline = 'inspect_image' $$, $$ values ('admin', 1::bigint), ('client', 3::bigint) $$, 'S2-13: so does the queue');
select pg_temp.lease_all() as leased, pg_temp.succeed(:'by_admin'), pg_temp.fail(:'by_client', 'invalid_request', 'test') \gset q_
select cmp_ok(:q_leased::bigint, '>=', 2::bigint, 'S2-12: the jobs of both stand in one queue, and one worker leases them');
select is(array(select namespace || ' ' || state from atelier.job_history where subject_id = id), array[wanted], 'S2-13: and history: ' || wanted)
  from (values (:'by_admin'::uuid, 'admin completed'), (:'by_client', 'client failed')) as t (id, wanted);
select matches(pg_temp.error_of('set local pg_atelier.namespace = ''other'''), '^22023', 'S2-14: there are two');

-- A cascade runs without policies, and so do the plans that triggers make in it; what a session asks afterwards is filtered all the same.
select null from (select atelier.create_collection(:'north', 'Cascade', array[:'chair']::uuid[]) as c) as made, lateral (select atelier.delete_collection(made.c)) as gone;
delete from atelier.products where id = :'chair';
select null from atelier.remove_member(:'north', :'sam') as withdrawn;
select atelier.create_product(:'north', 'Chair', 'N-1', 'seating') as other_chair \gset
select is(pg_temp.refused_alike(replace(command, :'chair', :'other_chair'), id, :'olga'), null, 'S2-67: after a cascade too: ' || replace(replace(command, :'north', 'north'), :'own', 'own')) from pg_temp.commands;

select * from finish();
rollback;
