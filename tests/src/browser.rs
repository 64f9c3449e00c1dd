//! A real browser without a window, driven through WebDriver: the JSON of W3C's specification over HTTP, and of
//! Chromium's own commands those for a phone's screen and for the console.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::cli::on_path;
use crate::{Result, fail, packages};

/// The longest a page may take to show something: a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(60);

/// The driver and the browser it drives.
#[derive(Debug, Clone)]
pub struct Programs {
    driver: PathBuf,
    browser: PathBuf,
}

impl Programs {
    /// Chromium and its driver on the PATH; where they are not, root of a Debian system installs them.
    pub fn find() -> Result<Self> {
        if let Some(found) = Self::on_path() {
            return Ok(found);
        }
        packages::install(&["chromium", "chromium-driver"])
            .map_err(|error| format!("no `chromium` with `chromedriver` on the PATH: {error}"))?;
        Self::on_path().ok_or_else(|| "its package has no `chromium` with `chromedriver`".into())
    }

    fn on_path() -> Option<Self> {
        Some(Self { driver: on_path("chromedriver")?, browser: on_path("chromium")? })
    }
}

/// A browser with one tab. To be closed: one that is only dropped may live on.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
}

impl Browser {
    /// Starts one; its profile lies in `folder`.
    pub async fn start(programs: &Programs, folder: &Path) -> Result<Self> {
        let mut driver = Command::new(&programs.driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(driver.stdout.take().ok_or("no stdout")?).lines();
        let port: u16 = loop {
            let line = tokio::time::timeout(LIMIT, lines.next_line()).await??;
            let line = line.ok_or("chromedriver ended at its start")?;
            if let Some(port) = line.split("successfully on port ").nth(1) {
                break port.trim_end_matches('.').parse()?;
            }
        };
        // It goes on talking; nobody listening must not stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let http = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?;
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--window-size=1280,900".to_owned(),
            format!("--user-data-dir={}", folder.join("profile").display()),
        ];
        if packages::is_root()? {
            arguments.push("--no-sandbox".to_owned());
        }
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": programs.browser, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let mut browser = Self { driver, http, session: format!("http://127.0.0.1:{port}/session") };
        let answer = browser.post("", capabilities).await?;
        let id = answer["sessionId"].as_str().ok_or("WebDriver gave no session")?;
        browser.session = format!("{}/{id}", browser.session);
        Ok(browser)
    }

    async fn post(&self, command: &str, body: Value) -> Result<Value> {
        let answer = self.http.post(format!("{}{command}", self.session)).json(&body).send().await?;
        let failed = !answer.status().is_success();
        let mut answer: Value = answer.json().await?;
        if failed {
            fail!("WebDriver {command}: {}", answer["value"]["message"]);
        }
        Ok(answer["value"].take())
    }

    pub async fn open(&self, url: &str) -> Result<()> {
        self.post("/url", json!({ "url": url })).await.map(drop)
    }

    /// What a script returns; it is the body of a function, and may return a promise.
    pub async fn script(&self, script: &str) -> Result<Value> {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Waits until a script returns something true, and returns that.
    pub async fn wait(&self, what: &str, script: &str) -> Result<Value> {
        let limit = Instant::now() + LIMIT;
        loop {
            let found = self.script(script).await?;
            if !matches!(found, Value::Null | Value::Bool(false)) {
                return Ok(found);
            }
            if Instant::now() > limit {
                let shown = self.script("return document.body.innerText").await?;
                fail!("the page never shows {what}; it shows:\n{}", shown.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A screen of this size; a narrow one is a phone's.
    pub async fn screen(&self, width: u32, height: u32) -> Result<()> {
        let scale = if width < 600 { 2 } else { 1 };
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600 });
        self.own("Emulation.setDeviceMetricsOverride", screen).await
    }

    /// What the person has asked of the system: `("prefers-color-scheme", "dark")`.
    pub async fn prefers(&self, feature: &str, value: &str) -> Result<()> {
        self.own("Emulation.setEmulatedMedia", json!({ "features": [{ "name": feature, "value": value }] })).await
    }

    async fn own(&self, command: &str, parameters: Value) -> Result<()> {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await.map(drop)
    }

    /// Warnings and errors of the console since the last call.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let entries = self.post("/se/log", json!({ "type": "browser" })).await?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        Ok(bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// What is on the screen, as PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        let answer: Value =
            self.http.get(format!("{}/screenshot", self.session)).send().await?.error_for_status()?.json().await?;
        Ok(base64::engine::general_purpose::STANDARD.decode(answer["value"].as_str().unwrap_or_default())?)
    }

    pub async fn close(mut self) -> Result<()> {
        self.http.delete(&self.session).send().await?.error_for_status()?;
        self.driver.kill().await?;
        Ok(())
    }
}
