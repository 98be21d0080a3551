-- One round in one database: milliseconds of a claim and of a whole lease of twenty jobs. What they took is rolled back.
begin;
select bench.claim_ms(20, false) as claim \gset
rollback;
begin;
select bench.claim_ms(20, true) as lease \gset
rollback;
select :'DBNAME', :round, :claim, :lease;
