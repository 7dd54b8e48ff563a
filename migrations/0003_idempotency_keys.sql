-- Which row a caller's key stands for. In the logs themselves no key could be unique across
-- partitions.
CREATE TABLE idempotency_keys (
    log_table       VARCHAR(16)     NOT NULL,
    idempotency_key VARCHAR(128)    NOT NULL,
    id              BIGINT UNSIGNED NOT NULL,
    timestamp       DATETIME        NOT NULL COMMENT 'of the row: the key goes when the row goes',
    PRIMARY KEY (log_table, idempotency_key),
    KEY idempotency_keys_timestamp (log_table, timestamp)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
