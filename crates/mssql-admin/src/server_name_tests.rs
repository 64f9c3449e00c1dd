use super::*;

#[test]
fn one_instance_has_many_names() {
    let name: ServerName = "mi.abc123.database.windows.net".parse().unwrap();
    for same in [
        "MI.abc123.Database.Windows.net",
        "mi.abc123.database.windows.net,1433",
        "tcp:mi.abc123.database.windows.net,1433",
        "mi.abc123.database.windows.net:1433",
        "mi.public.abc123.database.windows.net,3342",
        "mi.public.abc123.database.windows.net",
        " mi.public.abc123.database.windows.net , 3342 ",
        "mi.abc123.database.windows.net.",
    ] {
        let same: ServerName = same.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(same, name, "{same}");
        assert_eq!(same.canonical(), "mi.abc123.database.windows.net");
    }
    for other in ["mi2.abc123.database.windows.net", "mi.abc123.database.windows.net,1444", "localhost,50123"] {
        assert_ne!(other.parse::<ServerName>().unwrap(), name);
    }
}

#[test]
fn the_port_follows_from_the_endpoint() {
    for (text, host, port, canonical) in [
        ("localhost,50123", "localhost", 50123, "localhost,50123"),
        ("localhost", "localhost", 1433, "localhost"),
        ("127.0.0.1:1433", "127.0.0.1", 1433, "127.0.0.1"),
        ("mi.public.z.database.windows.net", "mi.public.z.database.windows.net", 3342, "mi.z.database.windows.net"),
        ("public.z.database.windows.net", "public.z.database.windows.net", 1433, "public.z.database.windows.net"),
    ] {
        let name: ServerName = text.parse().unwrap();
        assert_eq!((name.host(), name.port(), name.canonical()), (host, port, canonical.to_owned()), "{text}");
    }
}

#[test]
fn the_spelling_is_kept() {
    let text = "MI.Public.abc.database.windows.net,3342";
    assert_eq!(text.parse::<ServerName>().unwrap().to_string(), text);
}

#[test]
fn what_names_no_server_is_refused() {
    for text in ["", " ", "host,", "host,0", "host,70000", "host,x", "ho st", "a..b", "host..", ",1433"] {
        assert!(text.parse::<ServerName>().is_err(), "{text}");
    }
}

/// Everything that names `mi.abc123.database.windows.net`, as the tools of the trade write it.
#[test]
fn what_people_paste_is_understood() {
    let name: ServerName = "mi.abc123.database.windows.net".parse().unwrap();
    for text in [
        "TCP:mi.public.abc123.database.windows.net,3342",
        "tcp: mi.abc123.database.windows.net , 1433",
        "mi.abc123.database.windows.net.:1433",
        "mi.abc123.database.windows.net.,1433",
        "https://mi.abc123.database.windows.net",
        "HTTPS://MI.abc123.database.windows.net:1433/",
        "tcp://mi.public.abc123.database.windows.net:3342",
        "sqlserver://mi.public.abc123.database.windows.net:3342?database=Sales&encrypt=true",
        "jdbc:sqlserver://mi.public.abc123.database.windows.net:3342;databaseName=Sales;encrypt=true;loginTimeout=30;",
        "jdbc:sqlserver://mi.abc123.database.windows.net",
        "JDBC:SqlServer://;serverName=mi.public.abc123.database.windows.net;portNumber=3342",
        "Server=tcp:mi.public.abc123.database.windows.net,3342;Initial Catalog=Sales;Encrypt=True;\
         TrustServerCertificate=False;Connection Timeout=30;Authentication=\"Active Directory Default\";",
        " data source = mi.abc123.database.windows.net ; Initial Catalog = 'Sa;les' ",
        "Driver={ODBC Driver 18 for SQL Server};Server=tcp:mi.public.abc123.database.windows.net,3342;Database=Sales;",
        "Addr=mi.abc123.database.windows.net",
    ] {
        let parsed: ServerName = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed, name, "{text}");
        assert_eq!(parsed.canonical(), "mi.abc123.database.windows.net", "{text}");
        assert_eq!(parsed.to_string(), text, "the spelling is kept");
        // A service that knows one form alone gets it.
        let plain = parsed.plain().into_owned();
        assert!(!plain.contains(['=', ';', '/', ' ']), "{plain}");
        assert_eq!(plain.parse::<ServerName>().unwrap(), name, "{text}");
    }
}

#[test]
fn hosts_of_any_kind() {
    for (text, host, port, canonical) in [
        ("10.1.2.3,50123", "10.1.2.3", 50123, "10.1.2.3,50123"),
        ("::1", "::1", 1433, "::1"),
        ("[::1]", "::1", 1433, "::1"),
        ("tcp:[::1]:50123", "::1", 50123, "::1,50123"),
        ("[2001:DB8:0:0::1] , 1433", "2001:db8::1", 1433, "2001:db8::1"),
        ("2001:db8::1,50123", "2001:db8::1", 50123, "2001:db8::1,50123"),
        ("https://[::1]:50123", "::1", 50123, "::1,50123"),
        ("M\u{fc}nchen.example,1444", "xn--mnchen-3ya.example", 1444, "xn--mnchen-3ya.example,1444"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example", 1433, "xn--mnchen-3ya.example"),
        ("\u{4f8b}\u{3002}example", "xn--fsq.example", 1433, "xn--fsq.example"),
    ] {
        let name: ServerName = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((name.host(), name.port(), name.canonical()), (host, port, canonical.to_owned()), "{text}");
        assert_eq!(name.canonical().parse::<ServerName>().unwrap().canonical(), canonical, "{text}");
        assert_eq!((name.instance(), name.public_endpoint()), (None, None), "{text}");
    }
    for text in [
        "1.2.3",
        "256.1.1.1",
        "01.2.3.4",
        "[::1",
        "[]",
        "[localhost]",
        "[::1]x",
        "::1::2",
        "fe80::1%eth0",
        "a:b:c",
        "h\u{f6}st..example",
        "\u{ad}",
        "np:host",
        "ftp://host",
        "https://",
        "https://host/page",
        "https://host#part",
    ] {
        assert!(matches!(text.parse::<ServerName>(), Err(NoServerName::Form(_))), "{text}");
    }
    let (label, long) = ("a".repeat(63), vec!["a".repeat(63); 4].join("."));
    assert!(format!("{label}.example").parse::<ServerName>().is_ok());
    assert!(format!("a{label}.example").parse::<ServerName>().is_err());
    assert!(long.parse::<ServerName>().is_err(), "254 letters");
}

#[test]
fn what_may_be_a_secret_is_not_repeated() {
    use NoServerName as N;
    const SECRET: &str = "Correct-Horse-7";
    for (text, expected) in [
        ("Server=mi.z.database.windows.net;User ID=sa;Password=SECRET;", N::Credentials),
        ("Server=mi.z.database.windows.net;UID=SECRET", N::Credentials),
        ("server=mi;user_name=SECRET", N::Credentials),
        ("server=mi;pass word = {SECRET;x}", N::Credentials),
        ("jdbc:sqlserver://mi.z.database.windows.net:1433;user=sa@mi;password=SECRET;encrypt=true", N::Credentials),
        ("jdbc:sqlserver://sa:SECRET@mi.z.database.windows.net", N::Credentials),
        ("sqlserver://sa:SECRET@mi.z.database.windows.net:1433?database=Sales", N::Credentials),
        ("sqlserver://mi.z.database.windows.net?password=SECRET", N::Credentials),
        ("ftp://sa:SECRET@host", N::Credentials),
        ("SECRET@mi.z.database.windows.net", N::Credentials),
        ("Server=SECRET@mi.z.database.windows.net,3342", N::Credentials),
        ("Server=mi;Access Token=SECRET", N::Credentials),
        ("Server=mi;AADSecurePrincipalSecret=SECRET", N::Credentials),
        ("Server=mi;Pas=SECRET", N::UnknownPart),
        ("Server=mi;SECRET", N::UnknownPart),
        ("Server=mi;Database=\"SECRET", N::UnknownPart),
        ("Server=mi;Database='a'SECRET='b'", N::UnknownPart),
        ("Encrypt=SECRET", N::NotOne),
        ("Server=mi;Data Source=SECRET", N::NotOne),
        ("Server=mi,1433;port=1434", N::NotOne),
        ("Server=mi;port=SECRET", N::Form(None)),
        ("Server=SECRET!", N::Form(None)),
        ("https://host/SECRET", N::Form(None)),
        ("mi.z.database.windows.net;SECRET", N::Form(None)),
        ("mi\\SECRET", N::NamedInstance),
        ("mi\\SECRET,1433", N::NamedInstance),
        ("Server=tcp:mi\\SECRET", N::NamedInstance),
        ("jdbc:sqlserver://mi;instanceName=SECRET", N::NamedInstance),
        ("jdbc:sqlserver://mi\\SECRET:1433", N::NamedInstance),
        ("sqlserver://mi/SECRET", N::NamedInstance),
    ] {
        let error = text.replace("SECRET", SECRET).parse::<ServerName>().unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
    let shown = "host,x".parse::<ServerName>().unwrap_err().to_string();
    assert!(shown.starts_with("`host,x` names no server"), "{shown}");
}

#[test]
fn a_managed_instance_is_known_by_its_host() {
    for (text, instance, endpoint) in [
        ("mi.z1.database.windows.net", Some(("mi", "z1")), Some("mi.public.z1.database.windows.net,3342")),
        ("MI.z1.database.windows.net,3342", Some(("mi", "z1")), Some("mi.public.z1.database.windows.net,3342")),
        ("mi.public.z1.database.windows.net", Some(("mi", "z1")), Some("mi.public.z1.database.windows.net,3342")),
        ("mi.z1.database.windows.net,1444", Some(("mi", "z1")), None),
        ("server.database.windows.net", None, None),
        ("server.privatelink.database.windows.net", None, None),
        ("a.b.z1.database.windows.net", None, None),
        ("localhost,50123", None, None),
    ] {
        let name: ServerName = text.parse().unwrap();
        assert_eq!((name.instance(), name.public_endpoint().as_deref()), (instance, endpoint), "{text}");
    }
}

#[test]
fn a_plain_spelling_is_passed_on() {
    for (text, plain) in [
        ("MI.z.database.windows.net,3342", "MI.z.database.windows.net,3342"),
        ("localhost", "localhost"),
        ("tcp:LOCALHOST,50123", "localhost,50123"),
        ("localhost:50123", "localhost,50123"),
        (" localhost", "localhost"),
        ("[::1],50123", "::1,50123"),
        ("Server=localhost", "localhost"),
    ] {
        assert_eq!(text.parse::<ServerName>().unwrap().plain(), plain, "{text}");
    }
}

/// Texts made of pieces that mean something, in any order: nothing panics, and what is a server stays the same one.
#[test]
fn whatever_is_pasted_a_server_is_itself() {
    const PIECES: [&str; 40] = [
        "mi",
        ".",
        "public",
        "z1",
        ".database.windows.net",
        ",",
        ":",
        "1433",
        "3342",
        "0",
        "70000",
        "tcp:",
        "https://",
        "jdbc:sqlserver://",
        "Server=",
        "Data Source=",
        ";",
        "=",
        "Database=",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        "::1",
        "\\",
        "@",
        "/",
        "?",
        "#",
        "&",
        " ",
        "\t",
        "\u{fc}",
        "\u{3002}",
        "\u{ad}",
        "xn--",
        "10.0.0.1",
        "LOCALHOST",
    ];
    // xorshift64, with a fixed seed: a failure comes again.
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut below = |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit) as usize
    };
    let mut servers = 0;
    for _ in 0..200_000 {
        let length = 1 + below(8);
        let text: String = (0..length).map(|_| PIECES[below(PIECES.len() as u64)]).collect();
        let Ok(name) = text.parse::<ServerName>() else { continue };
        servers += 1;
        let canonical = name.canonical();
        let again: ServerName = canonical.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!((again.canonical(), &again), (canonical.clone(), &name), "{text:?}");
        let plain: ServerName = name.plain().parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!((plain.host(), plain.port()), (name.host(), name.port()), "{text:?}");
        assert!(canonical.is_ascii() && !canonical.contains(char::is_whitespace), "{text:?}: {canonical}");
    }
    assert!(servers > 1_000, "only {servers} texts named a server: the pieces are wrong");
}

#[test]
fn other_clouds_have_instances_too() {
    for suffix in SUFFIXES {
        let public: ServerName = format!("mi.public.z{suffix}").parse().unwrap();
        assert_eq!(public, format!("MI.z{suffix},1433").parse().unwrap());
        assert_eq!((public.instance(), public.port()), (Some(("mi", "z")), 3342));
        assert_eq!(public.public_endpoint().unwrap(), format!("mi.public.z{suffix},3342"));
    }
    let elsewhere: ServerName = "mi.public.z.database.example.net".parse().unwrap();
    assert_eq!((elsewhere.instance(), elsewhere.public_endpoint()), (None, None));
}

#[test]
fn a_certificate_is_issued_to_a_host_or_a_zone() {
    for (text, host, checked) in [
        ("mi.z.database.windows.net", "10.0.0.4", "mi.z.database.windows.net"),
        (" *.Z.database.windows.net. ", "mi.privatelink.contoso.net", "mi.z.database.windows.net"),
        ("*.z.net", "mi", "mi.z.net"),
        ("localhost", "mi", "localhost"),
    ] {
        assert_eq!(text.parse::<CertificateName>().unwrap().for_host(host), checked, "{text}");
    }
    for wrong in ["", "*", "*.net", "a b", "mi..net", "mi.*.net", "https://mi.z.net", "mi,1433", &"a".repeat(64)] {
        let error = wrong.parse::<CertificateName>().unwrap_err();
        assert!(error.to_string().contains("expected a host"), "{error}");
    }
}
