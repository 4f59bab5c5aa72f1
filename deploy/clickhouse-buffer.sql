-- A Buffer table before link_events_local, for clients of your own that insert row by row. It LOSES rows that it has
-- acknowledged when the server dies. qck does not use it, and qck init does not make it:
--     curl http://127.0.0.1:8123/ --data-binary @deploy/clickhouse-buffer.sql
CREATE TABLE IF NOT EXISTS qck_analytics.link_events_buffer AS qck_analytics.link_events_local
ENGINE = Buffer(qck_analytics, link_events_local, 16, 1, 10, 10000, 1000000, 1000000, 100000000)
