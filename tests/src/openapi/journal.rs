//! What an emulator's journal holds of the REST API, against the published description.

use std::path::Path;

use serde_json::Value;

use super::{Answer, Spec, deviations};
use crate::{Result, fail};

impl Spec {
    /// Checks every answer in a journal, a line of JSON for each request; returns how many there were. Answers of
    /// planted faults are not the emulator's own and are left out.
    ///
    /// # Errors
    /// The deviations that are not listed, with the line that has them; a journal that cannot be read.
    pub fn check_journal(&self, journal: &Path) -> Result<usize> {
        let (mut checked, mut unlisted) = (0, String::new());
        for (number, line) in (1..).zip(std::fs::read_to_string(journal)?.lines()) {
            let entry: Value = serde_json::from_str(line)?;
            let planted = entry["fault"]["status"].is_number();
            let (Some(status), "rest", false) =
                (entry["status"].as_u64(), entry["channel"].as_str().unwrap_or_default(), planted)
            else {
                continue;
            };
            let headers: Vec<(String, String)> = serde_json::from_value::<std::collections::BTreeMap<_, _>>(
                entry.get("headers").cloned().unwrap_or_else(|| Value::Object(Default::default())),
            )?
            .into_iter()
            .collect();
            let body = entry["answer"].as_str().map_or(Ok(Value::Null), serde_json::from_str)?;
            let found = self.deviations(Answer {
                method: entry["method"].as_str().unwrap_or_default(),
                path: entry["path"].as_str().unwrap_or_default(),
                status: u16::try_from(status)?,
                headers: Some(&headers),
                body: &body,
            });
            for deviation in deviations::unlisted(&found) {
                unlisted += &format!("\n  line {number}: {deviation}");
            }
            checked += 1;
        }
        if !unlisted.is_empty() {
            fail!("{}: answers deviate from the published description:{unlisted}", journal.display());
        }
        Ok(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec;

    const MISSING: &str = r#"{"channel":"rest","method":"POST","path":"/v1/workspaces/w/mirroredDatabases/m/getMirroringStatus","status":200,"answer":"{\"status\":\"Failed\"}"}"#;

    #[test]
    fn a_journal_is_read_line_by_line() {
        let Some(spec) = spec() else { return };
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("requests.jsonl");
        let planted = MISSING.replace("\"status\":200", "\"status\":200,\"fault\":{\"status\":200}");
        let sql = r#"{"channel":"sql","text":"SELECT 1"}"#;
        std::fs::write(&journal, format!("{sql}\n{planted}\n")).unwrap();
        assert_eq!(spec.check_journal(&journal).unwrap(), 0);
        std::fs::write(&journal, format!("{sql}\n{MISSING}\n")).unwrap();
        let complaint = spec.check_journal(&journal).unwrap_err().to_string();
        assert!(complaint.contains("line 2: ") && complaint.contains("Failed"), "{complaint}");
    }
}
