-- Makes an S3 store known to the demo's database and puts new pictures there.
-- psql variables: endpoint, credentials (path of a file on the server).
create server demo_store foreign data wrapper atelier_s3 options (endpoint :'endpoint', bucket 'demo');
create user mapping for atelier_owner server demo_store options (credentials_file :'credentials');
select format('alter database %I set pg_atelier.default_store = %L', current_database(), 'demo_store') \gexec
