//! What SET changes for a session.

#[derive(Debug, Clone)]
pub struct Settings {
    pub quoted_identifiers: bool,
    pub no_count: bool,
    pub xact_abort: bool,
    pub implicit_transactions: bool,
    /// −1 waits for ever.
    pub lock_timeout: i64,
    pub row_limit: i64,
    /// Database and table whose identity may be inserted.
    pub identity_insert: Option<(i32, i32)>,
    pub ansi_defaults: bool,
    pub arithabort: bool,
    pub arithignore: bool,
    pub cursor_close: bool,
    /// Bytes of a text or binary value without limit that SELECT returns; −1 is all.
    pub text_size: i64,
    /// As in `sys.dm_exec_sessions`: 1 READ UNCOMMITTED to 4 SERIALIZABLE.
    pub isolation: i64,
    pub deadlock_priority: i64,
}

impl Settings {
    /// `@@OPTIONS`: the bits that the page of "user options" lists.
    pub fn options(&self) -> i64 {
        // ANSI_WARNINGS, ANSI_PADDING, ANSI_NULLS, ANSI_NULL_DFLT_ON, CONCAT_NULL_YIELDS_NULL: always on.
        let switches = [
            (self.implicit_transactions, 2),
            (self.cursor_close, 4),
            (self.arithabort, 64),
            (self.arithignore, 128),
            (self.quoted_identifiers, 256),
            (self.no_count, 512),
            (self.xact_abort, 16384),
        ];
        switches.iter().filter(|(on, _)| *on).fold(8 + 16 + 32 + 1024 + 4096, |sum, (_, bit)| sum + bit)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quoted_identifiers: true,
            no_count: false,
            xact_abort: false,
            implicit_transactions: false,
            lock_timeout: -1,
            row_limit: 0,
            identity_insert: None,
            ansi_defaults: false,
            arithabort: false,
            arithignore: false,
            cursor_close: false,
            text_size: i32::MAX.into(),
            isolation: 2,
            deadlock_priority: 0,
        }
    }
}
