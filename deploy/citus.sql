-- qck's PostgreSQL schema on Citus (12 or newer). Run once, on the coordinator, after `qck init`:
--
--   psql "$QCK_POSTGRES" -v ON_ERROR_STOP=1 -f deploy/citus.sql
--
-- What is distributed, and what is not (docs/adr/0078):
--   link_click_totals   by link_id: links x producers x classes, what grows and what every 10 s sync writes.
--                       Statistics of a link ask one shard.
--   links               stays on the coordinator. Its two unique keys, id and short_code, cannot both be kept in
--                       shards (a unique key has to contain the distribution column), and codes unique over all
--                       instances are worth more than its size: 100 million links are about 30 GB, and reads
--                       of it come after two caches.
--   link_tombstones     small, and read in one transaction with links.
--   link_outbox         nearly empty, and written in one transaction with links.
--
-- qck finds the extension by itself and sends the sync as two statements of one transaction, because Citus refuses a
-- statement that changes a distributed and a local table.
--
-- Workers are added first, by their addresses:
--   SELECT citus_set_coordinator_host('coordinator.example', 5432);
--   SELECT citus_add_node('worker1.example', 5432);
--   SELECT citus_add_node('worker2.example', 5432);

CREATE EXTENSION IF NOT EXISTS citus;

BEGIN;
-- Joins of local and distributed tables need the coordinator to know its own tables.
SELECT citus_add_local_table_to_metadata('links');
SELECT citus_add_local_table_to_metadata('link_tombstones');
SELECT citus_add_local_table_to_metadata('link_outbox');
SELECT create_distributed_table('link_click_totals', 'link_id', shard_count => 32);
COMMIT;

-- To check:
--   SELECT table_name, citus_table_type, distribution_column, shard_count FROM citus_tables;
