//! `framewitness models use`: the bundle names other models.
//!
//! The new `bundle.toml` is checked, its models are loaded and run once, and only then does it take
//! the place of the old one, which stays as `bundle.toml.before`.

use std::fs;
use std::io::Write;
use std::path::Path;

use clap::Args;
use framewitness::inference::{Bundle, Trial};

use super::super::output::{at, describe, print};
use super::dropped;
use super::facts::Facts;

/// Thresholds of models that nothing is known about: far apart, so that little is claimed.
const FAKE_AT_OR_ABOVE: f64 = 0.8;
const REAL_AT_OR_BELOW: f64 = 0.2;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Model folders, at most one of each kind, which their manifests tell: the same as --sequence,
    /// --frame and --detector.
    #[arg(value_name = "NAME", required_unless_present_any = ["sequence", "frame"])]
    names: Vec<String>,
    /// Folder of the sequence model; without it no model looks at motion.
    #[arg(long, value_name = "NAME")]
    sequence: Option<String>,
    /// Folder of the frame model; without it still images cannot be judged.
    #[arg(long, value_name = "NAME")]
    frame: Option<String>,
    /// Folder of the face detector (default: the bundle's).
    #[arg(long, value_name = "NAME")]
    detector: Option<String>,
    /// FAKE at this probability or above.
    #[arg(long, value_name = "P", requires = "real_at_or_below")]
    fake_at_or_above: Option<f64>,
    /// REAL at this probability or below.
    #[arg(long, value_name = "P", requires = "fake_at_or_above")]
    real_at_or_below: Option<f64>,
}

pub(super) fn run(models_dir: &Path, trial: &Trial, options: Options) -> Result<(), String> {
    let named = (options.names.iter()).chain(&options.sequence);
    dropped::adopt(models_dir, trial, named.chain(&options.frame))?;
    let options = options.with_kinds(models_dir)?;
    let path = models_dir.join("bundle.toml");
    let old = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(at(&path)(error)),
    };
    let detector = match (&options.detector, &old) {
        (Some(name), _) => name.clone(),
        (None, Some(text)) => detector_of(text).map_err(|e| format!("{}: {e}", path.display()))?,
        (None, None) => {
            return Err("--detector: there is no bundle.toml yet that would name one".into());
        }
    };
    let text = options.bundle(&detector);
    let bundle = Bundle::parse(models_dir, &text).map_err(|e| describe(&e))?;
    trial.bundle(&bundle).map_err(|e| describe(&e))?;

    if let Some(old) = old {
        replace(&models_dir.join("bundle.toml.before"), &old)?;
    }
    replace(&path, &text)?;
    print(&format!("{text}\nwritten to {}", path.display()));
    print(if options.fake_at_or_above.is_some() {
        "; restart the service to use it\n"
    } else {
        "; restart the service to use it.\nThe thresholds are guesses: measure the models and state yours with --fake-at-or-above and --real-at-or-below.\n"
    });
    Ok(())
}

impl Options {
    /// Puts each name to the part that its manifest says.
    fn with_kinds(mut self, models_dir: &Path) -> Result<Self, String> {
        for name in std::mem::take(&mut self.names) {
            let kind = Facts::read(&models_dir.join(&name))?.kind;
            let part = match kind.as_str() {
                "sequence" => &mut self.sequence,
                "frame" => &mut self.frame,
                "detector" => &mut self.detector,
                other => return Err(format!("{name}: its manifest calls it a {other:?}")),
            };
            if let Some(other) = part.replace(name.clone()) {
                return Err(format!(
                    "{other} and {name} are both {kind} models; name one"
                ));
            }
        }
        if self.sequence.is_none() && self.frame.is_none() {
            return Err("name a sequence or a frame model too: a detector judges nothing".into());
        }
        Ok(self)
    }

    fn bundle(&self, detector: &str) -> String {
        let mut text =
            format!("schema = 1\nname = \"chosen\"\nversion = \"1\"\ndetector = {detector:?}\n");
        for (role, name) in [("sequence", &self.sequence), ("frame", &self.frame)] {
            if let Some(name) = name {
                text += &format!("{role} = {name:?}\n");
            }
        }
        let (sequence_weight, frame_weight) = match (&self.sequence, &self.frame) {
            (Some(_), Some(_)) => (0.5, 0.5),
            (Some(_), None) => (1.0, 0.0),
            (None, _) => (0.0, 1.0),
        };
        text + &format!(
            "\n[fusion]\nbias = 0.0\nsequence_weight = {sequence_weight:?}\nframe_weight = {frame_weight:?}\n\n[thresholds]\nfake_at_or_above = {:?}\nreal_at_or_below = {:?}\n",
            self.fake_at_or_above.unwrap_or(FAKE_AT_OR_ABOVE),
            self.real_at_or_below.unwrap_or(REAL_AT_OR_BELOW)
        )
    }
}

fn detector_of(bundle: &str) -> Result<String, String> {
    let table: toml::Table = bundle.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let detector = table.get("detector").and_then(|value| value.as_str());
    let detector = detector.ok_or("names no detector; state one with --detector")?;
    Ok(detector.to_owned())
}

/// Writes a file whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".bundle-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(at(folder))?;
    file.write_all(text.as_bytes()).map_err(at(path))?;
    file.as_file().sync_all().map_err(at(path))?;
    file.persist(path).map_err(|e| at(path)(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(sequence: Option<&str>, frame: Option<&str>) -> Options {
        Options {
            names: Vec::new(),
            sequence: sequence.map(str::to_owned),
            frame: frame.map(str::to_owned),
            detector: None,
            fake_at_or_above: Some(0.9),
            real_at_or_below: Some(0.4),
        }
    }

    #[test]
    fn a_part_that_is_not_named_is_left_out_and_weighs_nothing() {
        let text = options(None, Some("mine")).bundle("face-detector-s");
        let table: toml::Table = text.parse().unwrap();
        assert!(table.get("sequence").is_none());
        assert_eq!(table["frame"].as_str(), Some("mine"));
        assert_eq!(table["fusion"]["sequence_weight"].as_float(), Some(0.0));
        assert_eq!(table["fusion"]["frame_weight"].as_float(), Some(1.0));
        assert_eq!(
            table["thresholds"]["fake_at_or_above"].as_float(),
            Some(0.9)
        );
        assert_eq!(detector_of(&text).unwrap(), "face-detector-s");
    }
}
