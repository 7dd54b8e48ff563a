-- What summaries need of an hour or a day of access logs, in a form that can be merged. All of it
-- can be made again from the rows: wmctl maintain --rebuild.
CREATE TABLE access_rollups (
    format     TINYINT UNSIGNED  NOT NULL COMMENT 'of data; a function reads its own only',
    part       TINYINT UNSIGNED  NOT NULL COMMENT '1 sums, 2 addresses, 3 suspects',
    hours      SMALLINT UNSIGNED NOT NULL COMMENT '1 or 24',
    in_day     BOOLEAN           NOT NULL COMMENT 'an hour that its day contains already',
    start      DATETIME          NOT NULL,
    from_id    BIGINT UNSIGNED   NOT NULL COMMENT 'the rows come after this id',
    first_seen DATETIME          NOT NULL,
    last_seen  DATETIME          NOT NULL,
    data       MEDIUMBLOB        NOT NULL,
    PRIMARY KEY (format, part, hours, in_day, start, from_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = ascii;

-- Which rows are in the roll-ups. Each range begins where another ends: the primary key lets only
-- one of two writers add what comes after an id.
CREATE TABLE access_rollup_ranges (
    format       TINYINT UNSIGNED NOT NULL,
    from_id      BIGINT UNSIGNED  NOT NULL,
    to_id        BIGINT UNSIGNED  NOT NULL,
    to_timestamp DATETIME         NULL COMMENT 'of the row to_id, as long as that row is kept',
    PRIMARY KEY (format, from_id),
    KEY access_rollup_ranges_to_id (format, to_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = ascii;
