//! `POST /predict_csv`: the same analysis as `POST /predict`, answered as one row a frame.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::Service;
use super::analyse_upload::{VideoForm, analyse_upload};
use super::answer::{DisplayLabel, label_of_frame};
use super::error::HttpError;
use super::filename::DisplayName;
use super::negotiate::{Form, FormatQuery, wanted};
use super::problem::{AnalysisProblems, UploadProblems};
use super::wish::StreamQuery;
use crate::analysis::write_csv;
use crate::domain::{Analysis, FrameResult};

#[derive(Clone, Copy)]
enum Table {
    Json,
    Csv,
}

const TABLES: [Form<Table>; 2] = [
    Form {
        name: "json",
        media_type: "application/json",
        value: Table::Json,
    },
    Form {
        name: "csv",
        media_type: "text/csv",
        value: Table::Csv,
    },
];

/// One row a sampled frame.
#[derive(Serialize, ToSchema)]
pub(super) struct FrameTable {
    /// Rows in time order.
    frames_csv: Vec<FrameRow>,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
}

/// The label of one frame.
#[derive(Serialize, ToSchema)]
struct FrameRow {
    /// Position in the stream, from 0.
    frame_index: u64,
    /// Presentation time in seconds; `null` where the file states no times.
    frame_time_sec: Option<f64>,
    /// Confidence in `label` in percent; `null` when `label` is Unknown.
    confidence: Option<f64>,
    /// The label of the frame's most suspicious face.
    label: DisplayLabel,
}

/// Labels every sampled frame
///
/// JSON by default; with `Accept: text/csv` or `?format=csv` a table after RFC 4180, one row a
/// face (and one for a frame without a face), with probabilities, the score of each model and the
/// face box. The analysis is stored as with `POST /predict`.
#[utoipa::path(tag = "analysis", params(FormatQuery, StreamQuery),
    request_body(content = VideoForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The table",
            content((FrameTable = "application/json"), (String = "text/csv")),
            headers(("server-timing" = String, description = "Milliseconds of upload, wait, decode, faces, queue, inference and store"),
                ("x-cache" = String, description = "`hit`: these bytes were analysed before with the same models, and this is that analysis; `miss`: analysed now. `Cache-Control: no-cache` in the request asks for the latter"))),
        UploadProblems, AnalysisProblems,
    ))]
#[post("/predict_csv")]
pub(super) async fn predict_csv(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let form = wanted(&request, &TABLES)?;
    let analysed = analyse_upload(&request, body, &service).await?;
    let mut response = HttpResponse::Ok();
    analysed.add_headers(&mut response);
    let analysis = &analysed.stored.analysis;
    match form {
        Table::Json => Ok(response.json(FrameTable::from(analysis))),
        Table::Csv => {
            let name = DisplayName::from_client(&analysis.filename).derived("csv");
            let disposition = format!("attachment; filename=\"{name}\"");
            response.insert_header((CONTENT_DISPOSITION, disposition));
            response.content_type("text/csv; charset=utf-8; header=present");
            Ok(response.body(csv(analysis)?))
        }
    }
}

fn csv(analysis: &Analysis) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    write_csv(analysis, &mut bytes).map_err(HttpError::Table)?;
    Ok(bytes)
}

impl From<&Analysis> for FrameTable {
    fn from(analysis: &Analysis) -> Self {
        Self {
            frames_csv: analysis.frames.iter().map(FrameRow::from).collect(),
            filename: analysis.filename.clone(),
        }
    }
}

impl From<&FrameResult> for FrameRow {
    fn from(frame: &FrameResult) -> Self {
        let (label, confidence) = label_of_frame(frame);
        Self {
            frame_index: frame.frame_index,
            frame_time_sec: frame.time_s,
            confidence,
            label,
        }
    }
}
