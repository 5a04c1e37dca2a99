//! Every file through the same analysis as the service's.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use tokio::task::{JoinError, JoinSet};

use super::error::EvaluationError;
use super::journal::Journal;
use super::list::Item;
use super::measure::{Evaluated, Failed};
use super::protocol::{Protocol, VideoScore};
use crate::analysis::{Analyzer, MediaFile};
use crate::integrity;

/// Name of the journal in the folder of results.
const JOURNAL: &str = "scores.jsonl";

/// What scores are made with.
pub struct Run {
    /// Analyses the files.
    pub analyzer: Analyzer,
    /// What is measured.
    pub protocol: Protocol,
    /// Folder of the results; it must exist.
    pub out: PathBuf,
    /// Digest of everything but a file's bytes that its score depends on.
    pub basis: String,
}

/// All files of a list.
#[derive(Debug, Default)]
pub struct Scored {
    /// Those that were analysed, in the order of the list.
    pub evaluated: Vec<Evaluated>,
    /// Those that were not.
    pub failed: Vec<Failed>,
    /// How many scores an earlier run had left.
    pub found_again: usize,
}

/// One file's way: the item and its digest, and the score or why there is none.
type Done = (Item, Result<(String, VideoScore), String>);

impl Run {
    /// Scores every item; `progress` is told of each that is done.
    ///
    /// # Errors
    /// [`EvaluationError::Journal`], [`EvaluationError::Io`] of the journal;
    /// [`EvaluationError::Ended`].
    pub async fn score_all(
        &self,
        items: Vec<Item>,
        mut progress: impl FnMut(&Item),
    ) -> Result<Scored, EvaluationError> {
        let mut journal = Journal::open(&self.out.join(JOURNAL), &self.basis)?;
        let mut scored = Scored::default();
        let mut running: JoinSet<Done> = JoinSet::new();
        // One more than decode at the same time, so that none of them waits for a file to be hashed.
        let width = self.analyzer.settings().decode_threads + 1;
        for item in items {
            let media = match open(&item).await {
                Ok(media) => media,
                Err(error) => {
                    progress(&item);
                    scored.fail(item, format!("cannot be read: {error}"));
                    continue;
                }
            };
            if let Some(known) = journal.get(&media.sha256).cloned() {
                progress(&item);
                scored.found_again += 1;
                scored.add(item, media.sha256, known);
                continue;
            }
            if running.len() >= width {
                let done = running.join_next().await;
                scored.take(done, &mut journal, &mut progress)?;
            }
            running.spawn(self.score(item, media));
        }
        while let Some(done) = running.join_next().await {
            scored.take(Some(done), &mut journal, &mut progress)?;
        }
        scored
            .evaluated
            .sort_by(|a, b| a.item.name.cmp(&b.item.name));
        scored.failed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(scored)
    }

    /// The pictures of the analysis end here: an evaluation keeps scores only.
    fn score(&self, item: Item, media: MediaFile) -> impl Future<Output = Done> + Send + 'static {
        let (analyzer, protocol) = (self.analyzer.clone(), self.protocol);
        let thresholds = analyzer.models().facts().thresholds;
        let sha256 = media.sha256.clone();
        async move {
            let admission = match analyzer.admit().await {
                Ok(admission) => admission,
                Err(error) => return (item, Err(error.to_string())),
            };
            let outcome = analyzer.analyze(media, admission).await;
            let score = (outcome.map_err(|error| error.to_string()))
                .map(|outcome| VideoScore::of(&outcome.analysis, protocol, thresholds));
            (item, score.map(|score| (sha256, score)))
        }
    }
}

impl Scored {
    fn take(
        &mut self,
        done: Option<Result<Done, JoinError>>,
        journal: &mut Journal,
        progress: &mut impl FnMut(&Item),
    ) -> Result<(), EvaluationError> {
        let (item, outcome) = done
            .ok_or(EvaluationError::Ended)?
            .map_err(|_| EvaluationError::Ended)?;
        progress(&item);
        match outcome {
            Ok((sha256, score)) => {
                journal.add(&sha256, score.clone())?;
                self.add(item, sha256, score);
            }
            Err(reason) => self.fail(item, reason),
        }
        Ok(())
    }

    fn add(&mut self, item: Item, sha256: String, score: VideoScore) {
        self.evaluated.push(Evaluated {
            item,
            sha256,
            score,
        });
    }

    fn fail(&mut self, item: Item, reason: String) {
        let name = item.name;
        self.failed.push(Failed { name, reason });
    }
}

async fn open(item: &Item) -> io::Result<MediaFile> {
    let (path, filename) = (item.path.clone(), item.name.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let mut file = File::open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let digest = integrity::hash_reader(&mut file).map_err(io::Error::other)?;
        Ok(MediaFile {
            file,
            filename,
            sha256: digest.sha256.to_hex(),
            steps: None,
            stream: None,
            check_stability: false,
        })
    });
    opened.await.map_err(io::Error::other)?
}
