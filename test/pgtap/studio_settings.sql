-- Generation settings: what is refused, in which words, and the prompt that is made of them.
begin;
\ir include/studio.psql
select no_plan();

create function pg_temp.refusal_of(p_settings jsonb, p_partial boolean default false) returns text language sql as $$
    select pg_temp.error_of(format('select atelier.validate_flow_settings(%L, %L)', p_settings, p_partial))
$$;

select is(pg_temp.refusal_of(pg_temp.whole()), 'no error', 'S0-65: whole settings are valid');
select is(pg_temp.refusal_of(pg_temp.whole() || '{"sceneImageUrl": "atelier://images/00000000-0000-0000-0000-000000000000", "promptText": "x", "promptMode": "opening", "settings_version": 1, "own": {"any": [1]}}'),
    'no error', 'S0-65, S0-69: with the optional fields and unknown keys too');
select is(pg_temp.refusal_of(pg_temp.whole() || '{"sceneImageUrl": null, "promptText": null}'), 'no error', 'S0-65: optional fields may be null');

-- What fits a column but no order: much text, deep nesting, numbers that JSON readers do not take or that are long as text.
select is(pg_temp.error_of(format('select atelier.validate_flow_settings(pg_temp.whole() || jsonb_build_object(''own'', %s))', unwieldy.value)),
        '22023 | settings are not usable | ' || unwieldy.detail || ' | Settings describe one picture; keep other data in tables of your own.', 'S0-65: ' || unwieldy.description)
  from (values
    ($$repeat('x', 70000)$$, 'They are longer than 65536 bytes.', 'settings cannot be long'),
    ($$repeat('x', 65536 * 3)$$, 'They are longer than 65536 bytes.', 'settings cannot be very long'),
    ($$(select jsonb_agg(1e131071::numeric) from generate_series(1, 9000))$$, 'They are longer than 65536 bytes.', 'settings cannot be a gigabyte as text'),
    ($$(repeat('[', 32) || repeat(']', 32))::jsonb$$, 'They are nested deeper than 32 levels.', 'settings cannot be deep'),
    ($$1e400::numeric$$, 'They hold a number beyond 1e300.', 'a setting cannot be 1e400'),
    ($$-1e400::numeric$$, 'They hold a number beyond 1e300.', 'nor -1e400')) as unwieldy (value, detail, description);
select is(pg_temp.error_of($$select atelier.validate_flow_settings(pg_temp.whole() || jsonb_build_object('own', (repeat('[', 31) || repeat(']', 31))::jsonb))$$),
    'no error', 'S0-65: 32 levels are not deep');

select is(pg_temp.refusal_of(pg_temp.whole() - field),
        format('22023 | setting "%s" is not valid | It is missing. | It must be %s.', field, (atelier_internal.flow_settings_problem(pg_temp.whole() - field, false))[2]),
        format('S0-65: %s is required', field))
  from jsonb_object_keys(pg_temp.whole()) as field;
select is(pg_temp.refusal_of(pg_temp.whole() - field, true), 'no error', format('S0-68: partial settings may lack %s', field))
  from jsonb_object_keys(pg_temp.whole()) as field;
select is(pg_temp.refusal_of('{}', true), 'no error', 'S0-68: partial settings may be empty');
select matches(pg_temp.refusal_of(pg_temp.whole() || jsonb_build_object(field, null)), format('^22023 \| setting "%s" is not valid \| Its value is null', field), format('S0-65: %s cannot be null', field))
  from jsonb_object_keys(pg_temp.whole()) as field;

select is(pg_temp.refusal_of(pg_temp.whole() || jsonb_build_object(bad.field, bad.value::jsonb), bad.partial),
        format('22023 | setting "%s" is not valid | Its value is %s. | It must be %s.', bad.field, left(bad.value::jsonb::text, 200), bad.expected),
        format('S0-65: %s cannot be %s%s', bad.field, left(bad.value, 40), case when bad.partial then ' (partial)' else '' end))
  from (values
    ('roomType', '5', 'a text of 1 to 100 characters', false), ('roomType', '""', 'a text of 1 to 100 characters', false), ('style', '["modern"]', 'a text of 1 to 100 characters', false),
    ('lighting', 'true', 'a text of 1 to 100 characters', false), ('colorScheme', '{}', 'a text of 1 to 100 characters', false), ('cameraAngle', '1.5', 'a text of 1 to 100 characters', false),
    ('aspectRatio', '1', 'a text of 1 to 100 characters', false), ('surroundings', '[]', 'a text of at most 4000 characters', false),
    ('surroundings', to_json(repeat('x', 4001))::text, 'a text of at most 4000 characters', false),
    ('props', '"lamp"', 'a list of at most 50 texts of 1 to 200 characters', false), ('props', '[1]', 'a list of at most 50 texts of 1 to 200 characters', false),
    ('props', '["lamp", ""]', 'a list of at most 50 texts of 1 to 200 characters', false), ('props', '[["lamp"]]', 'a list of at most 50 texts of 1 to 200 characters', false),
    ('props', (select jsonb_agg('lamp'::text) from generate_series(1, 51))::text, 'a list of at most 50 texts of 1 to 200 characters', false),
    ('varietyLevel', '0', 'a number from 1 to 10', false), ('varietyLevel', '10.5', 'a number from 1 to 10', false), ('varietyLevel', '"5"', 'a number from 1 to 10', false),
    ('varietyLevel', '1e300', 'a number from 1 to 10', true), ('matchProductColors', '"yes"', 'true or false', false), ('matchProductColors', '1', 'true or false', true),
    ('sceneImageUrl', '5', 'a text of 1 to 2048 characters', false), ('sceneImageUrl', '""', 'a text of 1 to 2048 characters', false),
    ('promptText', '["x"]', 'a text of at most 4000 characters', true), ('promptMode', '1', 'a text of 1 to 100 characters', true),
    ('settings_version', '"1"', 'a whole number from 1 to 1000', false), ('settings_version', '1.5', 'a whole number from 1 to 1000', false)
  ) as bad (field, value, expected, partial);
select is(pg_temp.refusal_of(whole.value), format('22023 | setting "settings" is not valid | Its value is %s. | It must be a JSON object.', whole.value), 'S0-65: settings cannot be ' || whole.value::text)
  from (values ('[]'::jsonb), ('5'), ('"x"'), ('null')) as whole (value);
select matches(pg_temp.error_of('select atelier.validate_flow_settings(null)'), '^22004 \| settings must not be null', 'S0-65: NULL settings');
select matches(pg_temp.error_of($$ select atelier.validate_flow_settings('{}', null) $$), '^22004 \| partial must not be null', 'S0-65: NULL partial');

-- Words
select is(pg_temp.refusal_of(pg_temp.whole() || jsonb_build_object(v.field, v.value) || case when v.value = 'replace' then '{"promptText": "x"}' else '{}' end::jsonb), 'no error',
        format('S0-65: %s may be %s', v.field, v.value))
  from atelier_internal.settings_vocabulary v;
select is(pg_temp.refusal_of(pg_temp.whole() || '{"colorScheme": "loud"}'),
    '22023 | setting "colorScheme" has an unknown value | Its value is "loud". | Allowed are: cool, earthy, monochrome, neutral, pastel, unspecified, vibrant, warm.',
    'S0-65, S0-70: an unknown word is refused, and the allowed ones are told');
select matches(pg_temp.refusal_of(format('{"%s": "?"}', field)::jsonb, true), format('^22023 \| setting "%s" has an unknown value', field), format('S0-65: unknown %s', field))
  from (select distinct field from atelier_internal.settings_vocabulary) as f;
select matches(pg_temp.refusal_of('{"style": "Modern"}', true), 'unknown value', 'X-01: words have one spelling');
set local pg_atelier.settings_strict = off;
select is(pg_temp.refusal_of(pg_temp.whole() || '{"style": "Modern"}'), 'no error', 'S0-70: settings_strict off lets new words through');
select matches(pg_temp.refusal_of(pg_temp.whole() || '{"style": 5}'), '^22023', 'S0-70: but no wrong types');
set local pg_atelier.settings_strict = on;
insert into atelier_internal.settings_vocabulary (field, value) values ('style', 'Modern');
select is(pg_temp.refusal_of('{"style": "Modern"}', true), 'no error', 'S0-70: a row teaches a new word');
select matches(pg_temp.refusal_of(pg_temp.whole() || '{"promptMode": "replace"}'), '^22023 \| setting "promptText" is not valid \| It is missing', 'X-39: promptMode replace needs promptText');

-- Clients
select matches(pg_temp.error_of(format('select atelier.create_client(%s)', bad.arguments)), bad.expected, 'S0-31, S0-32: create_client refuses ' || bad.arguments)
  from (values
    ($$null, 'x'$$, '^22004 \| name must not be null'), ($$'X', null$$, '^22004 \| slug must not be null'), ($$'X', 'x', null$$, '^22004 \| settings must not be null'),
    ($$' ', 'x'$$, '^22023 \| name must have'), ($$'X', 'Big Slug'$$, '^22023 \| slug "Big Slug" is not valid'), ($$'X', ''$$, '^22023 \| slug'), ($$'X', '-x'$$, '^22023 \| slug'),
    ($$'X', 'x', '[]'$$, '^22023 \| client setting "settings" is not valid \| Its value is \[\]'),
    ($$'X', 'x', '{"monthlyGenerationLimit": "many"}'$$, '^22023 \| client setting "monthlyGenerationLimit" is not valid \| Its value is "many"'),
    ($$'X', 'x', '{"allowedFileTypes": [1]}'$$, '^22023 \| client setting "allowedFileTypes"'),
    ($$'X', 'x', '{"generationDefaults": {"varietyLevel": 0}}'$$, '^22023 \| client setting "generationDefaults.varietyLevel" is not valid \| Its value is 0. \| It must be a number from 1 to 10'),
    ($$'X', 'x', '{"generationDefaults": {"style": "loud"}}'$$, '^22023 \| setting "style" has an unknown value')
  ) as bad (arguments, expected);
select atelier.create_client('Settings', 'settings-test', '{"generationDefaults": {"style": "rustic"}, "monthlyGenerationLimit": 5, "allowedFileTypes": ["image/png"], "own": 1}') as client \gset
select ok(settings ->> 'own' = '1', 'S0-32: unknown keys of client settings are kept') from atelier.clients where id = :'client';
select matches(pg_temp.error_of($$ select atelier.create_client('Again', 'settings-test') $$), '^23505 \| slug "settings-test" is taken \| Choose', 'S0-31: a slug is taken once');

-- Products
select matches(pg_temp.error_of(format('select atelier.create_product(%s)', replace(bad.arguments, '@', quote_literal(:'client')))), bad.expected, 'S0-35, S0-36: create_product refuses ' || bad.arguments)
  from (values
    ($$null, 'Chair', 'C', 'seating'$$, '^22004 \| client_id'), ($$gen_random_uuid(), 'Chair', 'C', 'seating'$$, '^23503 \| client not found \| There is no client .* \| atelier.create_client'),
    ($$@, null, 'C', 'seating'$$, '^22004 \| name'), ($$@, 'Chair', null, 'seating'$$, '^22004 \| sku'), ($$@, 'Chair', 'C', null$$, '^22004 \| category'),
    ($$@, '', 'C', 'seating'$$, '^22023 \| name'), ($$@, 'Chair', ' ', 'seating'$$, '^22023 \| sku'), ($$@, 'Chair', 'C', ''$$, '^22023 \| category'),
    ($$@, 'Chair', 'C', 'seating', null$$, '^22004 \| room_types'), ($$@, 'Chair', 'C', 'seating', array[null]$$, '^22023 \| room_types'),
    ($$@, 'Chair', 'C', 'seating', '{}', '{"colors": 1}'$$, '^22023 \| product metadata "colors" is not valid \| Its value is 1'),
    ($$@, 'Chair', 'C', 'seating', '{}', '{"dimensions": {"width": "1"}}'$$, '^22023 \| product metadata "dimensions.width" is not valid \| Its value is "1"')
  ) as bad (arguments, expected);
select atelier.create_product(:'client', 'Oak chair', 'C-1', 'seating', '{living_room}', '{"materials": ["oak", "steel"], "colors": ["white"]}') as product \gset
select matches(pg_temp.error_of(format($$ select atelier.create_product(%L, 'Other', 'C-1', 'x') $$, :'client')), '^23505 \| sku "C-1" is taken', 'S0-35: a SKU is taken once');

-- Prompt
select is(atelier.build_prompt(pg_temp.whole(), :'product'),
    'Beautiful modern scene featuring the product. The product is Oak chair (seating). It is made of oak, steel. Room: living room. Style: modern. Lighting: golden hour. '
    || 'Colour scheme: warm. Match the colours of the product: white. Camera angle: eye level. Aspect ratio: 4:3. Surroundings: a garden behind the window. Props: lamp, rug. '
    || 'Variety: 5 of 10. Keep the product exactly as it is in the photo.', 'S0-67, S0-78: the prompt says all settings');
select is(atelier.build_prompt('{}'), 'Beautiful scene featuring the product. Keep the product exactly as it is in the photo.', 'S0-67: settings that say nothing are left out');
select is(atelier.build_prompt('{"style": "unspecified", "roomType": "unspecified", "props": [], "surroundings": " "}'),
    'Beautiful scene featuring the product. Keep the product exactly as it is in the photo.', 'S0-67: unspecified says nothing');
select is(atelier.build_prompt('{"promptText": "A quiet corner.", "style": "japandi"}'), 'A quiet corner. Style: japandi. Keep the product exactly as it is in the photo.',
    'X-39: promptText replaces the opening sentence only');
select is(atelier.build_prompt('{"promptText": "A quiet corner.", "promptMode": "replace", "style": "japandi"}', :'product'), 'A quiet corner.', 'X-39: with promptMode replace it is the whole prompt');
select matches(atelier.build_prompt('{"sceneImageUrl": "atelier://images/00000000-0000-0000-0000-000000000000"}'), 'Use the second image as the scene', 'S0-66: a scene image is spoken of');
select matches(pg_temp.error_of('select atelier.build_prompt(null)'), '^22004', 'S0-67: no prompt of NULL');
select matches(pg_temp.error_of($$ select atelier.build_prompt('{"style": 1}') $$), '^22023 \| setting "style"', 'S0-67: no prompt of wrong settings');
select matches(pg_temp.error_of($$ select atelier.build_prompt('{}', gen_random_uuid()) $$), '^P0002 \| product not found', 'S0-67: no prompt of an unknown product');

-- The check on rows judges types and ranges, not words
select lives_ok(format($$ insert into atelier.generated_assets (client_id, product_id, status, settings) values (%L, %L, 'pending', %L) $$, :'client', :'product', pg_temp.whole() || '{"style": "from another time"}'),
    'S0-70: a stored row may have words that are not known any more');
select throws_ok(format($$ insert into atelier.generated_assets (client_id, product_id, status, settings) values (%L, %L, 'pending', %L) $$, :'client', :'product', pg_temp.whole() - 'style'),
    '23514', null, 'S0-65: a submitted row has whole settings');
select lives_ok(format($$ insert into atelier.generated_assets (client_id, product_id, settings) values (%L, %L, '{"style": "rustic"}') $$, :'client', :'product'), 'S0-65: a draft may be partial');
select throws_ok(format($$ insert into atelier.generated_assets (client_id, product_id, settings) values (%L, %L, '{"style": 1}') $$, :'client', :'product'), '23514', null, 'S0-65: but not of wrong types');
select throws_ok(format($$ insert into atelier.collections (client_id, name, base_settings) values (%L, 'x', '{"props": 1}') $$, :'client'), '23514', null, 'S0-46, S0-68: base settings of a collection are partial settings');

select * from finish();
rollback;
