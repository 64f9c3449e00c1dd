//! Whatever names and passwords hold, a statement has the tokens that it has with plain ones, and gives them back as they
//! are. Two tokenizers say so that are not ours: sqlparser's of SQL Server's dialect, and the emulator's, whose tokens its
//! own tests compare with those of Microsoft's parser.
//!
//! `FABRICMIRROR_NAMES` says for how many calls names and a password are made up (`make test-long`: a million).

use std::fmt::Debug;
use std::pin::Pin;

use emulator_tsql::lexer::{self, Kind};
use sqlparser::dialect::MsSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::sent::our_sid;
use super::*;
use crate::effective::tests::{principal, world};
use crate::{
    Database, DatabasePrincipals, Entra, Known, KnownBy, Login, LoginChange, LoginKind, LoginSource, NewLogin, NewRole,
    NewUser, PermissionChange, Principal, PrincipalKind, Revocation, Sought, UserChange, UserSource,
};

const TIMES: usize = 10_000;
/// As many names as the call takes that takes most.
const NAMES: usize = 6;

/// A call of this crate that sends names, or a password.
struct Call {
    name: &'static str,
    make: for<'a> fn(&'a Made, &'a Instance) -> Making<'a>,
}

type Making<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! calls {
    ($($function:ident)*) => {
        [$(Call { name: stringify!($function), make: |made, instance| Box::pin($function(made, instance)) }),*]
    };
}

static CALLS: [Call; 18] = calls! {
    create_login create_entra_login change_login change_login_without_sid drop_login force_login_out find_login
    create_user create_entra_user change_user drop_user find_principals
    create_role rename_role give_role drop_role
    change_permissions find_database
};

/// What a call is made with.
struct Made {
    names: Vec<String>,
    password: String,
}

impl Made {
    /// Texts that nothing could take for anything else, and that are in no statement besides.
    fn plain() -> Self {
        Self { names: (0..NAMES).map(|place| format!("plain-{place}")).collect(), password: "plain-secret".into() }
    }

    fn up(rng: &mut Rng) -> Self {
        Self { names: (0..NAMES).map(|_| rng.text()).collect(), password: rng.text() }
    }

    fn name(&self, place: usize) -> Identifier {
        name(&self.names[place])
    }

    /// What stands where a plain text stands; `None`: the text is a fixed one.
    fn instead_of(&self, plain: &str) -> Option<&String> {
        match plain.strip_prefix("plain-")? {
            "secret" => Some(&self.password),
            place => self.names.get(place.parse::<usize>().ok()?),
        }
    }

    fn login(&self, place: usize) -> Login {
        Login { sid: Some(our_sid()), ..crate::login::tests::login(&self.names[place], 1, LoginKind::Sql) }
    }

    fn user(&self, place: usize) -> Principal {
        principal(5, &self.names[place], PrincipalKind::SqlUser, "0x01AB")
    }

    fn role(&self, place: usize) -> Principal {
        principal(7, &self.names[place], PrincipalKind::Role, "0x01CD")
    }

    /// The batches that a call sends.
    async fn sends(&self, call: &Call) -> Vec<String> {
        // The first answers count where a login is in use at first, so that it is forced out.
        let sessions = vec![rows("server_state|performance_state", &["1|1"]), rows("session_id", &["51"])];
        let in_use = [Answer::Refused(15434), Answer::Done, Answer::Rows(sessions)];
        let script = Script::new(in_use.into_iter().filter(|_| call.name == "force_login_out"));
        (call.make)(self, &script.instance()).await;
        script.batches()
    }
}

async fn create_login(made: &Made, instance: &Instance) {
    let new = NewLogin {
        name: made.name(0),
        source: LoginSource::Password { password: made.password.clone().into(), sid: our_sid() },
        default_database: Some(made.name(1)),
        enabled: true,
        server_roles: [made.name(2)].into(),
    };
    let _ = instance.create_login(&new, false).await.unwrap();
}

/// Every way to name an Entra principal.
fn known_by() -> [KnownBy; 3] {
    let id = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
    [KnownBy::Name, KnownBy::ObjectId(id), KnownBy::ClientId(id)]
}

async fn create_entra_login(made: &Made, instance: &Instance) {
    for known_by in known_by() {
        let new = NewLogin {
            name: made.name(0),
            source: LoginSource::Entra(Entra { known_by, is_group: true }),
            default_database: Some(made.name(1)),
            enabled: false,
            server_roles: [made.name(2)].into(),
        };
        let _ = instance.create_login(&new, false).await.unwrap();
    }
}

fn login_change(made: &Made) -> LoginChange {
    LoginChange {
        name: Some(made.name(1)),
        password: Some(made.password.clone().into()),
        default_database: Some(made.name(2)),
        enabled: Some(false),
        added_roles: vec![made.name(3)],
        removed_roles: vec![made.name(4)],
    }
}

async fn change_login(made: &Made, instance: &Instance) {
    let _ = instance.change_login(&made.login(0), &login_change(made)).await.unwrap();
}

async fn change_login_without_sid(made: &Made, instance: &Instance) {
    let login = Login { sid: None, ..made.login(0) };
    let _ = instance.change_login(&login, &login_change(made)).await.unwrap();
}

async fn drop_login(made: &Made, instance: &Instance) {
    instance.drop_login(Some(our_sid()), &made.name(0), false).await.unwrap();
}

async fn force_login_out(made: &Made, instance: &Instance) {
    instance.drop_login(None, &made.name(0), true).await.unwrap();
}

/// What is made of no answer at all is another matter, here as below.
async fn find_login(made: &Made, instance: &Instance) {
    let _ = instance.login(None, &made.name(0)).await;
}

async fn create_user(made: &Made, instance: &Instance) {
    let new = NewUser {
        name: made.name(0),
        source: UserSource::Login(made.name(1)),
        default_schema: Some(made.name(2)),
        roles: [made.name(3)].into(),
    };
    let _ = sales(instance).create_user(&new).await.unwrap();
}

async fn create_entra_user(made: &Made, instance: &Instance) {
    for known_by in known_by() {
        let new = NewUser {
            name: made.name(0),
            source: UserSource::Entra(Entra { known_by, is_group: false }),
            default_schema: Some(made.name(1)),
            roles: [made.name(2)].into(),
        };
        let _ = sales(instance).create_user(&new).await.unwrap();
    }
}

async fn change_user(made: &Made, instance: &Instance) {
    let change = UserChange {
        name: Some(made.name(1)),
        login: Some(made.name(2)),
        default_schema: Some(made.name(3)),
        added_roles: vec![made.name(4)],
        removed_roles: vec![made.name(5)],
    };
    let _ = sales(instance).change_user(&made.user(0), &change).await.unwrap();
}

async fn drop_user(made: &Made, instance: &Instance) {
    let seen = DatabasePrincipals { schemas: vec![(5, made.names[1].clone())], ..world() };
    let heir = made.name(2);
    let _ = sales(instance).drop_user(&seen, &made.user(0), Some(&heir), &made.name(3)).await.unwrap();
}

async fn find_principals(made: &Made, instance: &Instance) {
    let known = made.names.iter().map(|name| Known { identity: Some("5@2026"), sid: Some("0x01AB"), name });
    let _ = sales(instance).principals_like(&Sought::known(known)).await;
}

async fn create_role(made: &Made, instance: &Instance) {
    for owner in [None, Some(made.name(1))] {
        sales(instance).create_role(&NewRole { name: made.name(0), owner }).await.unwrap();
    }
}

async fn rename_role(made: &Made, instance: &Instance) {
    sales(instance).rename_role(&made.role(0), &made.name(1)).await.unwrap();
}

async fn give_role(made: &Made, instance: &Instance) {
    sales(instance).give_role(&made.role(0), &made.name(1)).await.unwrap();
}

async fn drop_role(made: &Made, instance: &Instance) {
    sales(instance).drop_role(&made.role(0), &[&made.user(1)]).await.unwrap();
}

async fn change_permissions(made: &Made, instance: &Instance) {
    let permission = || "SELECT".parse().unwrap();
    let row = |place| Revocation { name: permission(), grantor: Some(made.name(place)) };
    let changes = [
        PermissionChange::Grant(permission()),
        PermissionChange::GrantWithGrantOption(permission()),
        PermissionChange::Deny(permission()),
        PermissionChange::Revoke(row(1)),
        PermissionChange::RevokeCascade(row(2)),
        PermissionChange::RevokeGrantOption(row(3)),
    ];
    let _ = sales(instance).change_permissions(&made.user(0), &changes).await.unwrap();
}

async fn find_database(made: &Made, instance: &Instance) {
    let _ = instance.database_state(&made.name(0)).await;
}

fn sales(instance: &Instance) -> Database {
    instance.database(&name("Sales"))
}

/// Tokens of sqlparser, blanks and comments among them.
fn of_sqlparser(batch: &str) -> Vec<Token> {
    Tokenizer::new(&MsSqlDialect {}, batch).tokenize().unwrap_or_else(|error| panic!("{error}: {batch}"))
}

/// Tokens of the emulator, which Microsoft's are, with what names and texts mean.
fn of_emulator(batch: &str) -> Vec<(Kind, String)> {
    let tokens = lexer::tokens(batch).into_iter().map(|token| {
        let text = match token.kind {
            Kind::Bracketed => token.name(batch),
            Kind::NationalString => token.string(batch),
            _ => token.text(batch).to_owned(),
        };
        (token.kind, text)
    });
    tokens.collect()
}

/// The name or text that a token is, where it is one.
fn held_by(token: &mut Token) -> Option<&mut String> {
    match token {
        Token::Word(word) if word.quote_style == Some('[') => Some(&mut word.value),
        Token::NationalStringLiteral(text) => Some(text),
        _ => None,
    }
}

/// What a call sends with plain texts.
struct Plain {
    call: &'static Call,
    batches: Vec<Batch>,
}

struct Batch {
    text: String,
    theirs: Vec<Token>,
    ours: Vec<(Kind, String)>,
    /// How many of them are plain texts.
    plain: usize,
}

impl Plain {
    async fn of(call: &'static Call) -> Self {
        let plain = Made::plain();
        let is_plain = |text: &String| plain.instead_of(text).is_some();
        let mut batches = Vec::new();
        for text in plain.sends(call).await {
            let (mut theirs, ours) = (of_sqlparser(&text), of_emulator(&text));
            let found = theirs.iter_mut().filter_map(held_by).filter(|it| is_plain(it)).count();
            let found = (found, ours.iter().filter(|(_, text)| is_plain(text)).count());
            let written = text.matches("plain-").count();
            assert_eq!(found, (written, written), "{}: a text is no token of its own: {text}", call.name);
            batches.push(Batch { text, theirs, ours, plain: written });
        }
        let sends = batches.iter().any(|batch| batch.plain > 0);
        assert!(sends, "{} sends nothing that was given to it", call.name);
        Self { call, batches }
    }

    /// The same tokens, with what was made up in the places of what is plain.
    fn check(&self, made: &Made, sent: &[String]) {
        assert_eq!(sent.len(), self.batches.len(), "{}: other batches", self.call.name);
        for (text, batch) in sent.iter().zip(&self.batches) {
            if batch.plain == 0 {
                assert_eq!(*text, batch.text, "{}", self.call.name);
                continue;
            }
            let mut theirs = batch.theirs.clone();
            for text in theirs.iter_mut().filter_map(held_by) {
                if let Some(made) = made.instead_of(text) {
                    text.clone_from(made);
                }
            }
            is_same(self.call.name, text, &theirs, &of_sqlparser(text));
            let ours = batch.ours.iter().map(|(kind, text)| (*kind, made.instead_of(text).unwrap_or(text).clone()));
            is_same(self.call.name, text, &ours.collect::<Vec<_>>(), &of_emulator(text));
        }
    }
}

fn is_same<T: PartialEq + Debug>(call: &str, batch: &str, expected: &[T], found: &[T]) {
    if expected != found {
        let at = expected.iter().zip(found).position(|(one, other)| one != other);
        let at = at.unwrap_or(expected.len().min(found.len()));
        panic!("{call}, token {at}: {:?}, not {:?}, of {batch:?}", found.get(at), expected.get(at));
    }
}

#[tokio::test(start_paused = true)]
async fn no_name_or_password_changes_the_tokens_of_a_statement() {
    let times = std::env::var("FABRICMIRROR_NAMES").map_or(TIMES, |times| times.parse().expect("a number"));
    let mut plain = Vec::new();
    for call in &CALLS {
        plain.push(Plain::of(call).await);
    }
    let mut rng = Rng(1);
    for plain in plain.iter().cycle().take(times) {
        let made = Made::up(&mut rng);
        plain.check(&made, &made.sends(plain.call).await);
    }
}

/// SplitMix64: the same texts on every machine.
struct Rng(u64);

/// What ends or begins something in T-SQL or on the way there, is taken for a quote, or is half of something.
const PIECES: [&str; 40] = [
    "'",
    "''",
    "]",
    "]]",
    "[",
    "\"",
    "--",
    "/*",
    "*/",
    "N'",
    "n'",
    "\n",
    "\r",
    "\r\nGO\r\n",
    "\t",
    " ",
    ";",
    "\\",
    "\\'",
    "{}",
    "$(x)",
    "${x}",
    "%{x}",
    "%",
    "_",
    "0x",
    "@",
    "#",
    "]; DROP LOGIN [sa]--",
    "'; DROP LOGIN [sa]--",
    "\u{1}",
    "\u{A0}",
    "\u{200B}",
    "\u{FEFF}",
    "\u{2019}",
    "\u{FF07}",
    "\u{2028}",
    "e\u{301}",
    "\u{1F600}",
    "\u{10FFFF}",
];

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit)).expect("below a limit of 32 bits")
    }

    /// 1 to 128 UTF-16 units of any characters but U+0000: short, as long as can be, or between.
    fn text(&mut self) -> String {
        let length = match self.below(4) {
            0 => 1 + self.below(3),
            1 => 126 + self.below(3),
            _ => 1 + self.below(128),
        };
        let (mut text, mut units) = (String::new(), 0);
        while units < length {
            let piece = self.piece();
            let more = u32::try_from(piece.encode_utf16().count()).expect("a short piece");
            if units + more <= length {
                text.push_str(&piece);
                units += more;
            }
        }
        text
    }

    fn piece(&mut self) -> String {
        let limit = match self.below(4) {
            0 => 0x7F,
            1 => 0xFFFF,
            2 => 0x0010_FFFF,
            _ => return PIECES[self.below(40) as usize].to_owned(),
        };
        // A surrogate is no character.
        char::from_u32(1 + self.below(limit)).unwrap_or('\'').to_string()
    }
}
