-- Ids are 16 bytes, times are milliseconds since 1970 (UTC). `*_sealed` is AES-256-GCM under the key named by the row's
-- room or organisation (src/seal.rs); nothing that people write or are stands here in clear text (P-11).

CREATE TABLE organisations (
    id             BLOB PRIMARY KEY,
    key_id         BLOB NOT NULL,
    name_sealed    BLOB,
    contact_sealed BLOB,
    created_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id           BLOB PRIMARY KEY,
    organisation BLOB NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    mail_hash    BLOB NOT NULL UNIQUE,
    mail_sealed  BLOB NOT NULL,
    name_sealed  BLOB NOT NULL,
    password     TEXT NOT NULL,
    role         INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_by_organisation ON accounts (organisation);

CREATE TABLE sessions (
    id         BLOB PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    account    BLOB REFERENCES accounts (id) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_expiry ON sessions (expires_ms);

-- Links that open one thing once: the first admin's, and those by which people make their account.
CREATE TABLE one_time_links (
    secret_hash  BLOB PRIMARY KEY,
    kind         INTEGER NOT NULL,
    organisation BLOB REFERENCES organisations (id) ON DELETE CASCADE,
    role         INTEGER,
    expires_ms   INTEGER NOT NULL,
    used_ms      INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
    id              BLOB PRIMARY KEY,
    organisation    BLOB NOT NULL REFERENCES organisations (id),
    owner           BLOB NOT NULL REFERENCES accounts (id),
    key_id          BLOB NOT NULL UNIQUE,
    pad             BLOB NOT NULL UNIQUE,
    settings_sealed BLOB NOT NULL,
    version         INTEGER NOT NULL,
    created_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rooms_by_organisation ON rooms (organisation);
CREATE INDEX rooms_by_owner ON rooms (owner);

CREATE TABLE invitations (
    id            BLOB PRIMARY KEY,
    room          BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    role          INTEGER NOT NULL,
    secret_hash   BLOB NOT NULL UNIQUE,
    secret_sealed BLOB NOT NULL,
    created_ms    INTEGER NOT NULL,
    expires_ms    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_room ON invitations (room);

-- One person in one room. A session is in a room once, however many tabs it has open.
CREATE TABLE participants (
    id          BLOB PRIMARY KEY,
    room        BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    session     BLOB REFERENCES sessions (id) ON DELETE CASCADE,
    account     BLOB REFERENCES accounts (id) ON DELETE CASCADE,
    invitation  BLOB,
    name_sealed BLOB NOT NULL,
    role        INTEGER NOT NULL,
    standing    INTEGER NOT NULL,
    seen_ms     INTEGER NOT NULL,
    UNIQUE (room, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX participants_by_session ON participants (session);

CREATE TABLE room_states (
    room         BLOB PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    state_sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE chat (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    room        BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    id          BLOB NOT NULL UNIQUE,
    text_sealed BLOB NOT NULL
) STRICT;
CREATE INDEX chat_by_room ON chat (room, seq);

CREATE TABLE api_tokens (
    token_hash   BLOB PRIMARY KEY,
    account      BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    scopes       TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER
) STRICT, WITHOUT ROWID;

-- Who did what when: ids and the name of the deed, never content.
CREATE TABLE audit (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms        INTEGER NOT NULL,
    organisation BLOB,
    actor        BLOB,
    room         BLOB,
    deed         TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at_ms);

-- Keys whose rows are gone but which may still stand in the key file (a crash in between): destroyed at the next start.
CREATE TABLE keys_to_destroy (
    key_id BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
