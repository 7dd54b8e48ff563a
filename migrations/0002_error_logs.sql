-- Errors as the programs logged them, in partitions like the requests.
CREATE TABLE error_logs (
    id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    timestamp       DATETIME        NOT NULL,
    log_level       VARCHAR(16)     NOT NULL,
    error_code      VARCHAR(64)     NOT NULL,
    error_message   TEXT            NOT NULL,
    process_id      BIGINT UNSIGNED NULL,
    thread_id       BIGINT UNSIGNED NULL,
    client_ip       VARCHAR(45)     NULL,
    file_path       VARCHAR(1024)   NULL,
    line_number     INT UNSIGNED    NULL,
    severity_score  DOUBLE          NULL,
    idempotency_key VARCHAR(128)    NULL,
    PRIMARY KEY (id, timestamp),
    -- With all that anomalies are found by.
    KEY error_logs_timestamp (timestamp, id, error_code, severity_score),
    KEY error_logs_log_level (log_level, timestamp, id),
    KEY error_logs_error_code (error_code, timestamp, id),
    KEY error_logs_client_ip (client_ip, timestamp, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_nopad_bin
PARTITION BY RANGE COLUMNS (timestamp) (PARTITION rest VALUES LESS THAN (MAXVALUE));
