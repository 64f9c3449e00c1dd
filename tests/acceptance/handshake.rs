//! Nobody but the CLI that started a provider gets a word with it: shown with `openssl s_client`, which is not ours.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fabricmirror_tests::build::Binaries;
use fabricmirror_tests::{Result, fail};
use libtest_mimic::Trial;

/// The tests, or why they cannot be run.
pub fn trials(base: &Path) -> (Vec<Trial>, Vec<String>) {
    if Command::new("openssl").arg("version").output().is_err() {
        return (Vec::new(), vec!["handshake::a_client_that_is_not_the_cli_is_refused (no openssl)".to_owned()]);
    }
    let folder = base.join("handshake");
    let trial = Trial::test("handshake::a_client_that_is_not_the_cli_is_refused", move || {
        refuses_strangers(&folder).map_err(|error| error.to_string().into())
    });
    (vec![trial], Vec::new())
}

/// A provider process as a CLI starts it, and where it listens.
struct Provider {
    child: Child,
    socket: PathBuf,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refuses_strangers(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in ["cli", "stranger"] {
        // As the CLIs make theirs: self-signed, with a P-521 key.
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-nodes", "-days", "1"])
            .args(["-subj", "/CN=localhost", "-keyout"])
            .arg(folder.join(format!("{name}.key")))
            .arg("-out")
            .arg(folder.join(format!("{name}.pem")))
            .output()?;
        if !made.status.success() {
            fail!("no certificate: {}", String::from_utf8_lossy(&made.stderr));
        }
    }
    let provider = start(folder)?;
    let cli = ["-cert", "cli.pem", "-key", "cli.key"];
    for (who, arguments, admitted) in [
        ("the CLI", &[&cli[..], &["-tls1_3"]].concat()[..], true),
        ("nobody", &["-tls1_3"], false),
        ("a stranger", &["-tls1_3", "-cert", "stranger.pem", "-key", "stranger.key"], false),
        ("the CLI over TLS 1.2", &[&cli[..], &["-tls1_2"]].concat(), false),
    ] {
        let answer = speak(folder, &provider.socket, arguments)?;
        // Whoever is admitted is sent the HTTP/2 settings at once: a frame of type 4.
        let spoken_to = answer.windows(4).any(|bytes| bytes[3] == 4 && bytes[0] == 0 && bytes[1] == 0);
        if spoken_to != admitted {
            fail!("{who} was {} admitted: {:?}", if admitted { "not" } else { "" }, String::from_utf8_lossy(&answer));
        }
    }
    // And without TLS at all.
    let mut plain = std::os::unix::net::UnixStream::connect(&provider.socket)?;
    plain.set_read_timeout(Some(Duration::from_secs(5)))?;
    std::io::Write::write_all(&mut plain, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    if answer.first().is_some_and(|first| *first != 0x15) {
        fail!("a client without TLS was answered {answer:?}");
    }
    drop(provider);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn start(folder: &Path) -> Result<Provider> {
    let mut child = Command::new(Binaries::find()?.provider)
        .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
        .env("PLUGIN_PROTOCOL_VERSIONS", "6,5")
        .env("PLUGIN_CLIENT_CERT", std::fs::read_to_string(folder.join("cli.pem"))?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    let fields: Vec<&str> = line.trim_end().split('|').collect();
    let [core, protocol, network, address, kind, _certificate] = fields[..] else { fail!("an unusual line: {line:?}") };
    if (core, protocol, network, kind) != ("1", "6", "unix", "grpc") {
        fail!("an unusual line: {line:?}");
    }
    Ok(Provider { child, socket: address.into() })
}

/// What the provider sends to a client of its own accord, within a moment.
fn speak(folder: &Path, socket: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-alpn", "h2", "-unix"])
        .arg(socket)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    // The preface of HTTP/2, with an empty settings frame.
    let mut stdin = client.stdin.take().ok_or("no stdin")?;
    let _ = std::io::Write::write_all(&mut stdin, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let _ = std::io::Write::flush(&mut stdin);
    let limit = Instant::now() + Duration::from_millis(1500);
    while client.try_wait()?.is_none() && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = client.kill();
    let mut answer = Vec::new();
    client.stdout.take().ok_or("no stdout")?.read_to_end(&mut answer)?;
    let _ = client.wait();
    Ok(answer)
}
