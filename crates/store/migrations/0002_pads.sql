-- The log of each pad: one row a tick, numbered without gaps from the last checkpoint on. What is in it is sealed with
-- the key of the pad's room; deleting the room deletes the rows, destroying its key everything that a copy holds.

CREATE TABLE pad_log (
    pad            BLOB NOT NULL REFERENCES rooms (pad) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    content_sealed BLOB NOT NULL,
    PRIMARY KEY (pad, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE pad_checkpoints (
    pad            BLOB PRIMARY KEY REFERENCES rooms (pad) ON DELETE CASCADE,
    through        INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    content_sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
