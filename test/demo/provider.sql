-- Makes a provider that charges known to the demo's database.
-- psql variables: provider (gemini or openai, and the server's name), model, json_model (empty: none), key_file (its path on
-- the server), base_url (empty: the provider's own).
\set wrapper atelier_ :provider
create server :"provider" foreign data wrapper :"wrapper"
    options (image_model :'model', timeout '5min', outcome_unknown 'hold');
select :'base_url' <> '' as is_elsewhere \gset
\if :is_elsewhere
alter server :"provider" options (add base_url :'base_url');
\endif
select :'json_model' <> '' as has_analyst \gset
\if :has_analyst
alter server :"provider" options (add json_model :'json_model');
\endif
create user mapping for atelier_owner server :"provider" options (api_key_file :'key_file');
