//! Who calls: every way to prove the operator's identity, for Fabric and for instances alike, and what is said of each
//! that leads nowhere.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use fabricmirror_tests::emulator::{Emulator, Options};
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::HEAD;
use crate::world::{changes, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(every_way_to_prove_an_identity),
        case!(a_certificate_that_cannot_be_used).once(),
        case!(a_token_that_no_issuer_gives).once(),
        case!(another_cloud).once(),
    ]
}

/// Of the environment.
type Variable = (&'static str, String);

const PASSWORD: &str = "Pfx-Horse-7";
/// One object that Fabric answers for, and one that the instance does.
const BOTH: &str = r#"
variable "workspace_id" {
  type = string
}

variable "instance_identity_object_id" {
  type = string
}

resource "fabricmirror_login" "data_team" {
  name  = "Data Team"
  entra = { type = "group" }
}

resource "fabricmirror_workspace_role_assignment" "instance" {
  workspace_id = var.workspace_id
  principal    = { id = var.instance_identity_object_id, type = "ServicePrincipal" }
  role         = "Contributor"
}
"#;

fn openssl(folder: &Path, arguments: &str) -> Result<()> {
    let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output()?;
    if !made.status.success() {
        fail!("openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(())
}

/// A certificate in every form that people have one in.
fn make_certificates(folder: &Path) -> Result<()> {
    let password = format!("-passout pass:{PASSWORD}");
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=terraform -keyout key.pem -out certificate.pem",
    )?;
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout other-key.pem -out other.pem",
    )?;
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=curve -keyout ec-key.pem -out ec.pem",
    )?;
    openssl(folder, "rsa -in key.pem -traditional -out traditional.pem")?;
    openssl(folder, &format!("pkcs8 -topk8 -in key.pem -out encrypted.pem {password}"))?;
    openssl(folder, &format!("rsa -aes256 -in key.pem -traditional -out old.pem {password}"))?;
    let pkcs12 = "pkcs12 -export -inkey key.pem -in certificate.pem -certfile other.pem";
    openssl(folder, &format!("{pkcs12} -out modern.pfx {password}"))?;
    openssl(folder, &format!("{pkcs12} -out open.pfx -passout pass:"))?;
    openssl(
        folder,
        &format!("{pkcs12} -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -out old.pfx {password}"),
    )?;
    openssl(folder, "base64 -in modern.pfx -out modern.txt")?;
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let own = read("certificate.pem")?;
    for (file, parts) in [
        ("plain.pem", [&read("key.pem")?, &own]),
        // The certificate that signed it first, as chains are sometimes written.
        ("chain.pem", [&format!("{}{own}", read("other.pem")?), &read("traditional.pem")?]),
        ("locked.pem", [&own, &read("encrypted.pem")?]),
        ("locked-in-the-old-way.pem", [&own, &read("old.pem")?]),
        ("mismatched.pem", [&own, &read("other-key.pem")?]),
        ("curve.pem", [&read("ec.pem")?, &read("ec-key.pem")?]),
    ] {
        std::fs::write(folder.join(file), parts.map(String::as_str).concat())?;
    }
    Ok(())
}

/// An emulator whose application has the certificate, in the place of the run's own.
async fn know_the_certificate(run: &mut Run) -> Result<()> {
    make_certificates(&run.folder)?;
    let scenario = json!({ "directory": { "tenant_id": run.emulator.ready.entra.tenant_id, "principals": [
        {
            "id": "a11ce000-1b2c-4d3e-8f40-5a6b7c8d9e02", "type": "ServicePrincipal", "display_name": "terraform",
            "app_id": run.emulator.ready.entra.client_id, "secrets": [run.emulator.ready.entra.client_secret],
            "certificates": [std::fs::read_to_string(run.folder.join("certificate.pem"))?],
            "federated_credentials": [
                {
                    "issuer": "https://token.actions.githubusercontent.com",
                    "subject": "repo:contoso/mirrors:ref:refs/heads/main",
                    "audiences": ["api://AzureADTokenExchange"],
                },
                {
                    "issuer": "https://vstoken.dev.azure.com/0ca3c0de-0000-4000-8000-00000000de70",
                    "subject": "sc://contoso/mirrors/fabric",
                    "audiences": ["api://AzureADTokenExchange"],
                },
            ],
        },
        {
            "id": "1de47171-90ab-4cde-8f12-3456789abc04", "type": "ServicePrincipal", "display_name": "contoso-mi",
            "app_id": "1de47171-aa01-4b23-9c45-6789abcdef05",
        },
        { "id": "da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07", "type": "Group", "display_name": "Data Team" },
    ] } });
    let folder = run.folder.join("with-certificate");
    std::fs::create_dir_all(&folder)?;
    let options = Options { scenario: Some(scenario.to_string()), ..Options::default() };
    run.emulator = Emulator::start(&run.binaries, &folder, &options).await?;
    for (name, value) in run.emulator.environment(&run.binaries).await? {
        run.set(&name, &value);
    }
    Ok(())
}

/// Entra proves the operator to the instance as well.
fn without_secrets(run: &mut Run) {
    for name in ["FABRIC_CLIENT_SECRET", "FABRICMIRROR_SQL_USERNAME", "FABRICMIRROR_SQL_PASSWORD"] {
        run.set(name, "");
    }
}

/// The token that an issuer of the emulator gives.
async fn issued(run: &Run) -> Result<String> {
    let entra = &run.emulator.ready.entra;
    let url = format!("{}&audience=api%3A%2F%2FAzureADTokenExchange", entra.github_request_url);
    let answer: Value =
        run.emulator.http().get(url).bearer_auth(&entra.oidc_request_token).send().await?.json().await?;
    Ok(answer["value"].as_str().ok_or("the issuer gives no token")?.to_owned())
}

/// An `az` that has two tokens.
async fn fake_az(run: &Run) -> Result<String> {
    let entra = &run.emulator.ready.entra;
    let mut script = "#!/bin/sh\ncase \"$*\" in\n".to_owned();
    for scope in ["https://database.windows.net/.default", "https://api.fabric.microsoft.com/.default"] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &entra.client_id),
            ("client_secret", &entra.client_secret),
            ("scope", scope),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", entra.authority_host, entra.tenant_id);
        let answer: Value = run.emulator.http().post(url).form(&form).send().await?.json().await?;
        let token =
            json!({ "accessToken": answer["access_token"], "expires_on": 4_000_000_000_u32, "tokenType": "Bearer" });
        script += &format!("*{scope}*) echo '{token}' ;;\n");
    }
    script += "*) exit 1 ;;\nesac\n";
    let folder = run.folder.join("bin");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("az"), script)?;
    std::fs::set_permissions(folder.join("az"), std::fs::Permissions::from_mode(0o755))?;
    Ok(format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default()))
}

async fn every_way_to_prove_an_identity(run: &mut Run) -> Result<()> {
    know_the_certificate(run).await?;
    run.write("main.tf", &format!("{HEAD}{BOTH}"))?;
    let path = fake_az(run).await?;
    let token = issued(run).await?;
    without_secrets(run);
    run.write("token", &token)?;
    let entra = run.emulator.ready.entra.clone();
    let file = |name: &str| run.folder.join(name).display().to_string();
    let text = |name: &str| std::fs::read_to_string(run.folder.join(name));
    let (at, of, pw) =
        ("FABRIC_CLIENT_CERTIFICATE_FILE_PATH", "FABRIC_CLIENT_CERTIFICATE", "FABRIC_CLIENT_CERTIFICATE_PASSWORD");
    let oidc = ("FABRIC_USE_OIDC", "true".to_owned());
    let password = || (pw, PASSWORD.to_owned());
    let (github, request_token) = (entra.github_request_url.clone(), entra.oidc_request_token.clone());
    let ways: Vec<(&str, Vec<Variable>)> = vec![
        ("PEM", vec![(at, file("plain.pem"))]),
        ("a chain and an older key", vec![(at, file("chain.pem"))]),
        ("an encrypted key", vec![(at, file("locked.pem")), password()]),
        ("PKCS #12", vec![(at, file("modern.pfx")), password()]),
        ("PKCS #12 without a password", vec![(at, file("open.pfx"))]),
        ("PKCS #12 of older tools", vec![(at, file("old.pfx")), password()]),
        ("PKCS #12 as text", vec![(of, text("modern.txt")?), password()]),
        ("PEM as text", vec![(of, text("plain.pem")?)]),
        ("a token in a file", vec![oidc.clone(), ("FABRIC_OIDC_TOKEN_FILE_PATH", file("token"))]),
        ("a token", vec![oidc.clone(), ("FABRIC_OIDC_TOKEN", token)]),
        (
            "GitHub Actions",
            vec![
                oidc.clone(),
                ("ACTIONS_ID_TOKEN_REQUEST_URL", github.clone()),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", request_token.clone()),
            ],
        ),
        (
            "an address of one's own",
            vec![
                oidc.clone(),
                ("FABRIC_OIDC_REQUEST_URL", github),
                ("FABRIC_OIDC_REQUEST_TOKEN", request_token.clone()),
            ],
        ),
        (
            "Azure Pipelines",
            vec![
                oidc.clone(),
                ("SYSTEM_OIDCREQUESTURI", entra.azure_devops_request_url.clone()),
                ("SYSTEM_ACCESSTOKEN", request_token),
                ("FABRIC_AZURE_DEVOPS_SERVICE_CONNECTION_ID", entra.azure_devops_service_connection_id.clone()),
            ],
        ),
        ("the Azure CLI", vec![("FABRIC_USE_CLI", "true".to_owned()), ("PATH", path)]),
    ];
    let usual = std::env::var("PATH").unwrap_or_default();
    let mut made = false;
    for (way, variables) in ways {
        for (name, value) in &variables {
            run.set(name, value);
        }
        let since = now(run).await?;
        if made {
            run.plan().await?.is_empty().map_err(|error| format!("{way}: {error}"))?;
        } else {
            run.apply().await?.success().map_err(|error| format!("{way}: {error}"))?;
            made = true;
        }
        // Both channels were asked as the application, and nothing of its proof stands in the journal.
        let sent = run.emulator.requests().await?.split_off(since);
        for channel in ["sql", "rest"] {
            if !sent.iter().any(|it| it["channel"] == channel) {
                fail!("{way}: nothing was asked of {channel}");
            }
        }
        if json!(sent).to_string().contains("eyJ") {
            fail!("{way}: a token is in the journal");
        }
        for (name, _) in &variables {
            run.set(name, if *name == "PATH" { &usual } else { "" });
        }
    }
    Ok(())
}

async fn a_certificate_that_cannot_be_used(run: &mut Run) -> Result<()> {
    know_the_certificate(run).await?;
    run.write("main.tf", &format!("{HEAD}{BOTH}"))?;
    without_secrets(run);
    run.write("empty.pem", "")?;
    run.write("words.pem", "no certificate at all")?;
    std::fs::copy(run.folder.join("modern.pfx"), run.folder.join("cut.pfx"))?;
    let whole = std::fs::read(run.folder.join("modern.pfx"))?;
    std::fs::write(run.folder.join("cut.pfx"), &whole[..whole.len() / 2])?;
    for (file, password, says) in [
        ("absent.pem", "", "No such file"),
        ("empty.pem", "", "neither PEM nor PKCS #12"),
        ("words.pem", "", "neither PEM nor PKCS #12"),
        ("cut.pfx", PASSWORD, "neither PEM nor PKCS #12"),
        ("certificate.pem", "", "it holds no private key"),
        ("key.pem", "", "it holds no certificate"),
        ("locked.pem", "", "its private key is encrypted, and there is no password"),
        ("locked.pem", "Wrong-Horse-8", "the password does not open its private key"),
        ("locked-in-the-old-way.pem", PASSWORD, "openssl pkcs8 -topk8"),
        ("modern.pfx", "", "PKCS #12 with a password, and there is none"),
        ("modern.pfx", "Wrong-Horse-8", "the password does not open it"),
        ("mismatched.pem", "", "does not belong to the certificate in it, of CN=terraform"),
        ("curve.pem", "", "Entra takes no other"),
    ] {
        run.set("FABRIC_CLIENT_CERTIFICATE_FILE_PATH", &run.folder.join(file).display().to_string());
        run.set("FABRIC_CLIENT_CERTIFICATE_PASSWORD", password);
        let since = now(run).await?;
        let said = run.plan().await?.said;
        let error = said.fails_with("The client certificate cannot be used")?;
        if !error.detail.contains(says) || !error.detail.contains(file) {
            fail!("{file}: {}", error.detail);
        }
        for secret in [PASSWORD, "Wrong-Horse-8", "PRIVATE KEY-----"] {
            if said.stdout.contains(secret) || said.stderr.contains(secret) {
                fail!("{file}: {secret} is said: {}", said.explain());
            }
        }
        if now(run).await? != since {
            fail!("{file}: something was sent");
        }
    }
    // A good one that Entra does not know.
    let other = format!(
        "{}{}",
        std::fs::read_to_string(run.folder.join("other.pem"))?,
        std::fs::read_to_string(run.folder.join("other-key.pem"))?
    );
    run.set("FABRIC_CLIENT_CERTIFICATE_FILE_PATH", "");
    run.set("FABRIC_CLIENT_CERTIFICATE", &other);
    let error = run.apply().await?.fails_with("AADSTS700027")?;
    if !error.detail.contains("FABRIC_CLIENT_CERTIFICATE") {
        fail!("what to do is not said: {}", error.detail);
    }
    Ok(())
}

async fn a_token_that_no_issuer_gives(run: &mut Run) -> Result<()> {
    run.write("main.tf", &format!("{HEAD}{BOTH}"))?;
    let entra = run.emulator.ready.entra.clone();
    without_secrets(run);
    run.set("FABRIC_USE_OIDC", "true");
    let nothing = run.apply().await?.fails_with("No OIDC token is named")?;
    if !nothing.detail.contains("id-token: write") {
        fail!("what to do is not said: {}", nothing.detail);
    }
    const SECRET: &str = "Not-The-Request-Token-5";
    let (url, devops) = (entra.github_request_url.clone(), entra.azure_devops_request_url.clone());
    let connection = entra.azure_devops_service_connection_id.clone();
    let (asked_at, asked_with) = ("FABRIC_OIDC_REQUEST_URL", "FABRIC_OIDC_REQUEST_TOKEN");
    let of_pipeline = "FABRIC_AZURE_DEVOPS_SERVICE_CONNECTION_ID";
    let steps: Vec<(Vec<Variable>, &[&str])> = vec![
        (vec![(asked_at, url.clone())], &["`oidc_request_token` is not set"]),
        (vec![(asked_at, url), (asked_with, SECRET.to_owned())], &["401", "id-token: write"]),
        (vec![(asked_at, "http://localhost:1".to_owned()), (asked_with, SECRET.to_owned())], &["no https URL"]),
        (vec![(of_pipeline, connection.clone())], &["`oidc_request_token` is not set"]),
        (vec![(of_pipeline, connection.clone()), (asked_with, SECRET.to_owned())], &["SYSTEM_OIDCREQUESTURI"]),
        (
            vec![(of_pipeline, connection), (asked_with, SECRET.to_owned()), ("SYSTEM_OIDCREQUESTURI", devops.clone())],
            &["401", "service connection"],
        ),
        (
            vec![
                (of_pipeline, "5c000000-0000-4000-8000-00000000dead".to_owned()),
                (asked_with, entra.oidc_request_token.clone()),
                ("SYSTEM_OIDCREQUESTURI", devops),
            ],
            &["404", "service connection"],
        ),
        (vec![("FABRIC_OIDC_TOKEN", SECRET.to_owned())], &["AADSTS50027"]),
        (vec![("FABRIC_OIDC_TOKEN_FILE_PATH", "/nowhere/token".to_owned())], &["/nowhere/token"]),
    ];
    for (variables, says) in steps {
        for (name, value) in &variables {
            run.set(name, value);
        }
        let said = run.apply().await?;
        let texts: String =
            said.diagnostics().iter().map(|it| format!("{} {}", it.summary, it.detail)).collect::<Vec<_>>().join("\n");
        for text in says {
            if said.code == 0 || !texts.contains(text) {
                fail!("{variables:?}: {text:?} is not said: {texts}");
            }
        }
        for secret in [SECRET, &entra.oidc_request_token] {
            if said.stdout.contains(secret) || said.stderr.contains(secret) {
                fail!("a request token is said: {}", said.explain());
            }
        }
        for (name, _) in &variables {
            run.set(name, "");
        }
    }
    if !changes(run, 0).await?.is_empty() {
        fail!("something was changed");
    }
    Ok(())
}

/// No other cloud is here: what can be seen is that its tokens are asked for, which this one does not have.
async fn another_cloud(run: &mut Run) -> Result<()> {
    run.write("main.tf", &format!("{HEAD}{BOTH}provider \"fabricmirror\" {{\n  environment = \"usgovernment\"\n}}\n"))?;
    let since = now(run).await?;
    run.apply().await?.fails_with("AADSTS500011")?;
    let sent = json!(run.emulator.requests().await?.split_off(since)).to_string();
    if !sent.contains("api.fabric.microsoft.us") || sent.contains("api.fabric.microsoft.com") {
        fail!("the other cloud's tokens were not asked for: {sent}");
    }
    run.set("FABRIC_ENVIRONMENT", "germany");
    run.write("main.tf", &format!("{HEAD}{BOTH}"))?;
    let error = run.plan().await?.said.fails_with("A variable of the environment is unclear")?;
    if !error.detail.contains("FABRIC_ENVIRONMENT: `germany` is no cloud") {
        fail!("{}", error.detail);
    }
    run.write("main.tf", &format!("{HEAD}{BOTH}provider \"fabricmirror\" {{\n  environment = \"germany\"\n}}\n"))?;
    run.plan().await?.said.fails_with("usgovernment").map(drop)
}
