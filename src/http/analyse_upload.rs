//! What every route that analyses files does before its answer differs:
//! look for room → receive → admit → analyse, entered in the queue beside ([`direct`](super::direct)) → keep.
//!
//! An [`Entry`] is made before the body is read, so that a service with no room says so at once. It
//! becomes a [`Place`] when the body is there: senders that take their time hold no place.
//! Routes with one file call [`analyse_and_keep`]; a batch goes through [`analyse_many`], whose
//! files are under way side by side so that the model thread sees them as batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponseBuilder};
use futures_util::stream::{self, StreamExt};
use utoipa::ToSchema;

use super::Service;
use super::caller::Sender;
use super::compat::judgement::expect_score;
use super::direct::{DirectJob, Entering};
use super::error::HttpError;
use super::filename::DisplayName;
use super::reception::Visit;
use super::upload::{Form, ReceivedFile, SentFile, receive};
use super::upload_error::UploadError;
use super::wish::Wish;
use crate::analysis::{Admission, Artifact, MediaFile, Outcome, Timings, Varied};
use crate::domain::Analysis;
use crate::media::Variation;
use crate::store::{self, ArtifactName, Stored, Submission};

/// One video or image.
pub(super) const FORM: Form = Form::of_one_file(&["file", "video"]);

/// Multipart body with one file, as `file` or as `video`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(super) struct VideoForm {
    /// A video (MP4, MOV, MKV, WebM, AVI, FLV, WMV, MPEG) or an image (JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF),
    /// recognised by its bytes.
    #[schema(value_type = Option<String>, format = Binary)]
    file: Vec<u8>,
    /// The same under another name.
    #[schema(value_type = Option<String>, format = Binary)]
    video: Vec<u8>,
}

/// Leave to send a body, over when dropped.
#[derive(Debug)]
#[must_use = "dropping an entry ends it"]
pub(super) struct Entry(Arc<Visit>);

/// A place in the service for one request, given back when dropped.
#[derive(Debug)]
#[must_use = "dropping a place gives it back"]
pub(super) struct Place {
    pub(super) visit: Arc<Visit>,
    pub(super) admission: Admission,
}

impl Entry {
    /// Lets a body in, or says at once that there is no room for what it holds.
    ///
    /// # Errors
    /// [`HttpError::Refused`]; [`HttpError::Analysis`] when every place is taken.
    pub(super) fn make(request: &HttpRequest, service: &Service) -> Result<Self, HttpError> {
        let visit = service.reception.enter(Sender::of(request))?;
        service.analyzer.has_room()?;
        Ok(Self(Arc::new(visit)))
    }

    /// Takes a place for the body, which is there.
    ///
    /// # Errors
    /// [`HttpError::Analysis`] when others took the last one meanwhile.
    pub(super) fn into_place(self, service: &Service) -> Result<Place, HttpError> {
        Ok(Place {
            visit: self.0,
            admission: service.analyzer.try_admit()?,
        })
    }
}

/// An analysis that is stored, and where the time went.
#[derive(Debug)]
pub(super) struct Analysed {
    pub(super) stored: Stored,
    /// Whether it was there before.
    pub(super) from_cache: bool,
    upload: Duration,
    timings: Timings,
    store: Duration,
}

/// Receives the file in `body`, analyses it and stores the result.
///
/// # Errors
/// [`HttpError`]; nothing of the upload or the analysis is left then.
pub(super) async fn analyse_upload(
    request: &HttpRequest,
    body: Payload,
    service: &Data<Service>,
) -> Result<Analysed, HttpError> {
    let entry = Entry::make(request, service)?;
    let limits = service.settings.body;
    let upload = receive(request, body, FORM, &service.uploads, limits).await?;
    let place = entry.into_place(service)?;
    let analysed = analyse_and_keep(service, &upload.file, place, Wish::of(request)?).await?;
    Ok(analysed.after_upload(upload.took))
}

/// Analyses a received file and stores the result.
///
/// # Errors
/// [`HttpError`]; nothing of the analysis is left then.
pub(super) async fn analyse_and_keep(
    service: &Data<Service>,
    file: &ReceivedFile,
    place: Place,
    wish: Wish,
) -> Result<Analysed, HttpError> {
    let Place { visit, admission } = place;
    let sha256 = &file.digest.sha256;
    // The admission holds these models until the analysis has ended.
    let loading = service.analyzer.models().facts().loading;
    if let Some(stored) = service
        .results
        .find(
            (&service.records, &service.artifacts),
            sha256,
            &wish,
            loading,
        )
        .await?
    {
        expect_what_is_wished(&wish, &stored.analysis)?;
        return Ok(Analysed::again(stored, &file.filename));
    }
    let media = MediaFile {
        steps: wish.steps,
        stream: wish.stream,
        check_stability: wish.check_stability,
        ..media_of(file)?
    };
    let analyzer = &service.analyzer;
    let entering = Entering::begin(service, file, &wish, &visit)?;
    let analyzing = async {
        let outcome = analyzer.analyze(media, admission).await?;
        expect_what_is_wished(&wish, &outcome.analysis)?;
        Ok(analyzer.draw(outcome).await?)
    };
    let done = entering.beside(analyzing).await?;
    let analysed = keep(service, done, visit, wish.submission.clone()).await?;
    service
        .results
        .remember(sha256, &wish, loading, &analysed.stored);
    Ok(analysed)
}

/// Analyses a received file and stores the result; judges every variation of its faces beside.
///
/// # Errors
/// [`HttpError`]; nothing of the analysis is left then.
pub(super) async fn analyse_varied_and_keep(
    service: &Data<Service>,
    file: &ReceivedFile,
    place: Place,
    wish: Wish,
) -> Result<(Analysed, Vec<Varied>), HttpError> {
    let Place { visit, admission } = place;
    let analyzer = &service.analyzer;
    let media = MediaFile {
        stream: wish.stream,
        ..media_of(file)?
    };
    let entering = Entering::begin(service, file, &wish, &visit)?;
    let analyzing = async {
        let analyzing = analyzer.analyze_varied(media, admission, &Variation::ALL);
        let (outcome, varied) = analyzing.await?;
        expect_what_is_wished(&wish, &outcome.analysis)?;
        Ok((analyzer.draw(outcome).await?, varied))
    };
    let (job, (outcome, varied)) = entering.beside(analyzing).await?;
    let analysed = keep(service, (job, outcome), visit, wish.submission).await?;
    Ok((analysed, varied))
}

/// An answer that cannot do without a probability has one.
fn expect_what_is_wished(wish: &Wish, analysis: &Analysis) -> Result<(), HttpError> {
    match wish.needs_score {
        true => expect_score(analysis).map(drop),
        false => Ok(()),
    }
}

/// Analyses the files of a batch and stores the results, each on its own: the answers come in the
/// order of `files`, each with the file's name, and a file that fails is an error of its own.
///
/// At most half of the service's places are used at a time, so that a batch slows others down but
/// does not turn them away.
pub(super) async fn analyse_many(
    service: &Data<Service>,
    files: Vec<SentFile>,
    place: Place,
    wish: &Wish,
) -> Vec<(DisplayName, Result<Analysed, HttpError>)> {
    let Place { visit, admission } = place;
    let at_once = (service.analyzer.settings().places() / 2).max(1);
    let mut admission = Some(admission);
    let analyses = files.into_iter().map(|sent| {
        let (first, visit) = (admission.take(), Arc::clone(&visit));
        async move {
            let analysed = analyse_sent(service, sent.received, (visit, first), wish.clone()).await;
            (sent.filename, analysed)
        }
    });
    stream::iter(analyses).buffered(at_once).collect().await
}

/// One file of a batch, in the place it has or as soon as one is free.
async fn analyse_sent(
    service: &Data<Service>,
    file: Result<ReceivedFile, UploadError>,
    (visit, admission): (Arc<Visit>, Option<Admission>),
    wish: Wish,
) -> Result<Analysed, HttpError> {
    let file = file?;
    let admission = match admission {
        Some(admission) => admission,
        None => service.analyzer.admit().await?,
    };
    analyse_and_keep(service, &file, Place { visit, admission }, wish).await
}

/// A received file as the analysis takes it.
///
/// # Errors
/// [`HttpError::Descriptor`].
pub(super) fn media_of(file: &ReceivedFile) -> Result<MediaFile, HttpError> {
    let descriptor = file.upload.file().try_clone();
    Ok(MediaFile {
        file: descriptor.map_err(HttpError::Descriptor)?,
        filename: file.filename.to_string(),
        sha256: file.digest.sha256.to_hex(),
        steps: None,
        stream: None,
        check_stability: false,
    })
}

/// Pictures first, then the record that makes them findable; without the record they go again.
///
/// Runs on its own to its end even when the client leaves, so that pictures never stay without a
/// record; the visit goes along, so that a shutdown waits for it.
async fn keep(
    service: &Data<Service>,
    done: (Option<DirectJob>, Outcome),
    visit: Arc<Visit>,
    submission: Submission,
) -> Result<Analysed, HttpError> {
    let service = Data::clone(service);
    let storing = actix_web::rt::spawn(async move {
        let _visit = visit;
        let started = Instant::now();
        let (stored, timings) = keep_outcome(&service, done, submission).await?;
        Ok(Analysed {
            stored,
            from_cache: false,
            upload: Duration::ZERO,
            timings,
            store: started.elapsed(),
        })
    });
    storing.await.map_err(|_| HttpError::Interrupted)?
}

async fn keep_outcome(
    service: &Service,
    (job, outcome): (Option<DirectJob>, Outcome),
    submission: Submission,
) -> Result<(Stored, Timings), HttpError> {
    let (pictures, analysis) = (named(outcome.artifacts)?, outcome.analysis);
    let (records, artifacts) = (&service.records, &service.artifacts);
    let stored = match job {
        Some(job) => job.keep(analysis, pictures).await?,
        None => store::keep(records, artifacts, analysis, submission, pictures).await?,
    };
    Ok((stored, outcome.timings))
}

/// Pictures as the store takes them.
///
/// # Errors
/// [`HttpError::PictureName`].
pub(super) fn named(pictures: Vec<Artifact>) -> Result<Vec<(ArtifactName, Vec<u8>)>, HttpError> {
    let named = |picture: Artifact| Ok((ArtifactName::parse(&picture.name)?, picture.bytes));
    pictures.into_iter().map(named).collect()
}

impl Analysed {
    /// An analysis that was there before, under the name that its file has now.
    fn again(mut stored: Stored, filename: &DisplayName) -> Self {
        stored.analysis.filename = filename.to_string();
        Self {
            stored,
            from_cache: true,
            upload: Duration::ZERO,
            timings: Timings::default(),
            store: Duration::ZERO,
        }
    }

    /// The same with the time that its upload took.
    pub(super) fn after_upload(self, upload: Duration) -> Self {
        Self { upload, ..self }
    }

    /// Adds `Server-Timing`, and `X-Cache`: `hit` when the analysis was there before, else `miss`.
    pub(super) fn add_headers(&self, response: &mut HttpResponseBuilder) {
        let x_cache = if self.from_cache { "hit" } else { "miss" };
        response.insert_header(("server-timing", self.server_timing()));
        response.insert_header(("x-cache", x_cache));
    }

    /// Milliseconds.
    fn server_timing(&self) -> String {
        let steps = [
            ("upload", self.upload),
            ("wait", self.timings.wait),
            ("decode", self.timings.decode),
            ("faces", self.timings.faces),
            ("queue", self.timings.queue),
            ("inference", self.timings.inference),
            ("store", self.store),
        ];
        let entry = |(name, took): (&str, Duration)| {
            format!("{name};dur={:.1}", took.as_secs_f64() * 1000.0)
        };
        steps.map(entry).join(", ")
    }
}
