//! Logs as the CLI reads them: one JSON object a line on stderr, at the level the CLI's own variables ask for.

use std::fmt;
use std::io::Write;
use std::panic;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Starts logging, of this crate and of `targets`, and writes panics down. Without `TF_LOG` only errors are written: the CLI shows none of them.
pub(super) fn start(targets: &[&'static str]) {
    let level = level(["TF_LOG_PROVIDER", "TF_LOG"].iter().find_map(|name| std::env::var(name).ok()).as_deref());
    // Crates that nobody named speak only when something is wrong: at finer levels they would log requests and answers.
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(std::iter::once(&"tfplugin").chain(targets).map(|target| (*target, level)));
    let subscriber = tracing_subscriber::registry().with(JsonLines.with_filter(filter));
    let _ = tracing::subscriber::set_global_default(subscriber);
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::force_capture();
        tracing::error!(%place, %backtrace, "a handler panicked");
    }));
}

fn level(wanted: Option<&str>) -> LevelFilter {
    match wanted.map(str::to_ascii_lowercase).as_deref() {
        Some("trace" | "json") => LevelFilter::TRACE,
        Some("debug") => LevelFilter::DEBUG,
        Some("info") => LevelFilter::INFO,
        Some("warn") => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    }
}

struct JsonLines;

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Map::new();
        event.record(&mut Fields(&mut line));
        line.insert("@level".into(), metadata.level().as_str().to_ascii_lowercase().into());
        line.insert("@module".into(), metadata.target().replace("::", ".").into());
        line.insert("@timestamp".into(), timestamp().into());
        let mut bytes = Value::Object(line).to_string().into_bytes();
        bytes.push(b'\n');
        // The CLI may be gone: nobody is left to tell.
        let _ = std::io::stderr().lock().write_all(&bytes);
    }
}

fn timestamp() -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    time::OffsetDateTime::now_utc().format(FORMAT).unwrap_or_default()
}

/// Collects an event's fields; `message` is the line's `@message`.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        let name = if field.name() == "message" { "@message" } else { field.name() };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
