-- Requests as the web servers logged them. Strings compare byte by byte, trailing spaces
-- included: an attacker's variant of a path is another path.
--
-- One partition a month, made ahead by the migrator, so that what is past its retention is dropped
-- and not deleted row by row. Hence the time in the primary key, and no other unique key.
CREATE TABLE access_logs (
    id               BIGINT UNSIGNED   NOT NULL AUTO_INCREMENT,
    timestamp        DATETIME          NOT NULL,
    ip_address       VARCHAR(45)       NOT NULL,
    method           VARCHAR(16)       NOT NULL,
    endpoint         VARCHAR(2048)     NOT NULL,
    status_code      SMALLINT UNSIGNED NOT NULL,
    http_version     VARCHAR(16)       NULL,
    response_size    BIGINT UNSIGNED   NULL,
    response_time_ms DOUBLE            NULL,
    user_agent       VARCHAR(1024)     NULL,
    department       VARCHAR(100)      NULL,
    user_id          VARCHAR(100)      NULL,
    idempotency_key  VARCHAR(128)      NULL,
    PRIMARY KEY (id, timestamp),
    -- Each also gives the order by time and id, in which lists come.
    KEY access_logs_timestamp (timestamp, id),
    KEY access_logs_ip_address (ip_address, timestamp, id),
    KEY access_logs_status_code (status_code, timestamp, id),
    KEY access_logs_endpoint (endpoint (191), timestamp, id),
    KEY access_logs_department (department, timestamp, id),
    KEY access_logs_user_id (user_id, timestamp, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_nopad_bin
PARTITION BY RANGE COLUMNS (timestamp) (PARTITION rest VALUES LESS THAN (MAXVALUE));
