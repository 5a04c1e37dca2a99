//! D³ Inference API: its model, loaded and unloaded, and files sent to be models.

use std::time::Duration;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Service;
use super::super::caller::Sender;
use super::super::error::HttpError;
use super::super::error_shape::{SuccessError, SuccessUploadErrors};
use super::super::upload::{Form, receive};
use crate::analysis::AnalysisError;
use crate::inference::{Change, InferenceError, ModelFileName, ModelLibrary};

/// How long a change waits for analyses that have begun.
const PATIENCE: Duration = Duration::from_secs(60);
const NAME: (&str, usize) = ("name", 256);
/// CLIP ViT-L/14 in full precision has 1.7 GB.
const LARGEST_MODEL_BYTES: u64 = 2 << 30;
const FORM: Form = Form {
    file_fields: &["file"],
    text_fields: &[NAME],
    max_files: 1,
    max_file_bytes: LARGEST_MODEL_BYTES,
};

/// Multipart body with a model file.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct ModelForm {
    /// Weights (safetensors or a file of `torch.save`) or an ONNX graph, up to 2 GiB and the limit
    /// on the body.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What to call it: letters, digits, dots, dashes and underscores; that of the file when left
    /// out.
    #[schema(
        max_length = 100,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$",
        example = "model_v2.pth"
    )]
    name: Option<String>,
}

/// The model that is or was loaded.
#[derive(Debug, Serialize, ToSchema)]
struct ModelInfo {
    /// Whether it is loaded; analyses answer 503 while none is.
    loaded: bool,
    /// Its name and version.
    #[schema(example = "framewitness-s 1")]
    model_name: String,
    /// The families of its networks.
    #[schema(example = "resnext-bilstm + clip-vit-d3")]
    architecture: String,
    /// Where it runs.
    #[schema(example = "cpu")]
    device: String,
}

/// The model that is or was loaded.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct InfoAnswer {
    #[schema(example = true)]
    success: bool,
    info: ModelInfo,
}

/// What a request did.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MessageAnswer {
    #[schema(example = true)]
    success: bool,
    /// In words.
    #[schema(example = "the model is loaded")]
    message: String,
}

/// The models there are.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ListAnswer {
    #[schema(example = true)]
    success: bool,
    /// How many.
    #[schema(minimum = 0)]
    count: usize,
    /// Those that serve, then the files that were sent.
    models: Vec<String>,
    /// Those that serve.
    active: Vec<String>,
}

/// A file that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct UploadAnswer {
    #[schema(example = true)]
    success: bool,
    /// In words.
    message: String,
    /// What it is called from now on.
    #[schema(example = "model_v2.pth")]
    name: String,
    /// What it is: `safetensors`, `PyTorch archive` or `ONNX graph`.
    format: String,
    /// Tensors found in it; 0 for a graph.
    #[schema(minimum = 0)]
    tensors: usize,
    /// SHA-256 of its bytes, lower-case hex.
    sha256: String,
    /// Its size.
    #[schema(minimum = 1)]
    size_bytes: u64,
}

/// The model that serves, or served last (D³ Inference API)
#[utoipa::path(operation_id = "d3_model_info", tag = "compatibility", responses(
    (status = 200, description = "The model", body = InfoAnswer),
))]
#[get("/api/model/info")]
pub(in crate::http) async fn info(service: Data<Service>) -> Json<InfoAnswer> {
    let models = service.analyzer.models();
    let facts = models.facts();
    Json(InfoAnswer {
        success: true,
        info: ModelInfo {
            loaded: models.lease().is_ok(),
            model_name: facts.bundle.clone(),
            architecture: facts.architectures.join(" + "),
            device: facts.device.clone(),
        },
    })
}

/// Loads the model from the models directory as it is now (D³ Inference API)
///
/// Nothing happens when one is loaded; unload it first to load another.
#[utoipa::path(operation_id = "d3_model_load", tag = "compatibility", responses(
    (status = 200, description = "It is loaded", body = MessageAnswer),
    (status = 409, description = "`other-detector`: the models directory names another face detector, which takes a restart; `model-in-use`", body = SuccessError),
    (status = 500, description = "The models directory cannot be used; the log says why", body = SuccessError),
))]
#[post("/api/model/load")]
pub(in crate::http) async fn load(
    service: Data<Service>,
) -> Result<Json<MessageAnswer>, HttpError> {
    let change = (service.analyzer.models().load(PATIENCE).await).map_err(failed)?;
    Ok(message(match change {
        Change::Made => "the model is loaded",
        Change::AlreadySo => "the model was loaded already",
    }))
}

/// Lets go of the model and its memory (D³ Inference API)
///
/// Analyses that have begun finish first; others answer 503 until it is loaded again.
#[utoipa::path(operation_id = "d3_model_unload", tag = "compatibility", responses(
    (status = 200, description = "None is loaded", body = MessageAnswer),
    (status = 409, description = "`model-in-use`: analyses did not finish within a minute; the model stays", body = SuccessError),
    (status = 500, description = "A part of the service failed", body = SuccessError),
))]
#[post("/api/model/unload")]
pub(in crate::http) async fn unload(
    service: Data<Service>,
) -> Result<Json<MessageAnswer>, HttpError> {
    let change = (service.analyzer.models().unload(PATIENCE).await).map_err(failed)?;
    Ok(message(match change {
        Change::Made => "the model is unloaded",
        Change::AlreadySo => "no model was loaded",
    }))
}

/// The models that serve and the files that were sent (D³ Inference API)
#[utoipa::path(operation_id = "d3_model_list", tag = "compatibility", responses(
    (status = 200, description = "Their names", body = ListAnswer),
    (status = 500, description = "The models directory cannot be read", body = SuccessError),
))]
#[get("/api/model/list")]
pub(in crate::http) async fn list(service: Data<Service>) -> Result<Json<ListAnswer>, HttpError> {
    let models = service.analyzer.models();
    let lease = models.lease();
    let serving = lease.iter().flat_map(|lease| lease.models());
    let active: Vec<String> = serving.map(|model| model.name.clone()).collect();
    let library = ModelLibrary::beside(models.models_dir());
    let sent = in_background(move || library.names()).await?;
    let models: Vec<String> = active.iter().cloned().chain(sent).collect();
    Ok(Json(ListAnswer {
        success: true,
        count: models.len(),
        models,
        active,
    }))
}

/// Keeps a file to be a model (D³ Inference API)
///
/// The file is looked into and never run; TorchScript, which is code, is refused. It does not
/// serve until somebody at the command line adds it: `framewitness models add`.
#[utoipa::path(operation_id = "d3_model_upload", tag = "compatibility",
    request_body(content = ModelForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "It is kept", body = UploadAnswer),
        (status = 409, description = "`model-name-taken`", body = SuccessError),
        (status = 422, description = "`unusable-model`: no weights and no graph, damaged, or code", body = SuccessError),
        SuccessUploadErrors,
    ))]
#[post("/api/model/upload")]
pub(in crate::http) async fn upload(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<UploadAnswer>, HttpError> {
    let _visit = service.reception.enter(Sender::of(&request))?;
    let limits = service.settings.body;
    let received = receive(&request, body, FORM, &service.uploads, limits).await?;
    let file = received.file;
    let given = received.texts.get(NAME.0).map(str::to_owned);
    let name = ModelFileName::parse(&given.unwrap_or_else(|| file.filename.to_string()));
    let name = name.ok_or_else(|| HttpError::Field {
        name: NAME.0,
        problem: "a model's name has 1 to 100 letters, digits, dots, dashes and underscores and \
                  begins with a letter or a digit"
            .into(),
    })?;
    let library = ModelLibrary::beside(service.analyzer.models().models_dir());
    let digest = file.digest;
    let kept = in_background(move || library.keep(name, file.upload.path())).await?;
    Ok(Json(UploadAnswer {
        success: true,
        message: "the model is kept; it serves once it is added at the command line".into(),
        name: kept.name.as_str().to_owned(),
        format: kept.contents.format.to_string(),
        tensors: kept.contents.tensors.len(),
        sha256: digest.sha256.to_hex(),
        size_bytes: digest.size_bytes,
    }))
}

fn failed(error: InferenceError) -> HttpError {
    if matches!(error, InferenceError::Bundle { .. }) {
        tracing::error!(%error, "the models do not load");
    }
    AnalysisError::from(error).into()
}

fn message(text: &str) -> Json<MessageAnswer> {
    Json(MessageAnswer {
        success: true,
        message: text.to_owned(),
    })
}

/// Reading a large file must not hold up the server's thread.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InferenceError> + Send + 'static,
) -> Result<T, HttpError> {
    let done = actix_web::web::block(work).await;
    let done = done.map_err(|_| HttpError::Interrupted)?;
    done.map_err(|error| AnalysisError::from(error).into())
}
