-- The shop's stock of data: about 270 MB, half of each row random and half repetitive, as mixed content is.
-- The table is made in the transaction that fills it: with wal_level=minimal nothing of it goes through the log.
\set ON_ERROR_STOP on
CREATE EXTENSION pgcrypto;
BEGIN;
CREATE TABLE documents (
    id integer PRIMARY KEY,
    title text NOT NULL,
    body bytea NOT NULL
);
INSERT INTO documents
SELECT n, 'document ' || n, gen_random_bytes(980) || convert_to(repeat(md5(n::text), 28), 'UTF8')
FROM generate_series(1, 140000) AS n;
-- `number` is not unique on purpose: an order that arrived twice must be visible as such.
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    number bigint NOT NULL,
    customer text NOT NULL,
    item text NOT NULL,
    cents integer NOT NULL,
    checksum text NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON orders (number);
GRANT ALL ON ALL TABLES IN SCHEMA public TO shop;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO shop;
COMMIT;
-- Frozen now: a vacuum later would touch every page, and a shop's old data doesn't change all at once.
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
