//! Routes and answers of earlier services, so that their clients work unchanged.
//!
//! | file | service |
//! |---|---|
//! | `d3_detection`, `d3_predict`, `d3_records`, `d3_video`, `d3_video_upload` | D3 Detection API: an image as `image` to `POST /predict`, its other routes, its history, videos |
//! | `dfdetect` | dfdetect-service: an image as `file` to `POST /predict` |
//! | `faces` | Deep-Fake API: the faces of a video, without a verdict |
//! | `d3_inference`, `d3_models` | D³ Inference API: images and their history, its model |
//! | `detection_backend` | Detection backend: an image, and variations of it |
//! | `judgement` | what they all say of a picture: a label, and how sure |
//!
//! The rest of the Deep-Fake API has no file here: `/predict`, `/predict_csv` and `/integrity/*` are
//! this service's own routes, and their answers hold its fields.
//!
//! Those services knew two answers. Where ours is INCONCLUSIVE, theirs follows the probability
//! against their threshold, one half unless the client names another, and the extra field
//! `verdict` holds ours. A picture in which nothing can be scored is an error, 422, in the shape
//! that `error_shape` gives it.

pub(super) mod d3_detection;
pub(super) mod d3_inference;
mod d3_inference_answers;
pub(super) mod d3_models;
pub(super) mod d3_predict;
mod d3_predict_answers;
pub(super) mod d3_records;
pub(super) mod d3_video;
pub(super) mod d3_video_upload;
pub(super) mod detection_backend;
pub(super) mod dfdetect;
pub(super) mod faces;
pub(super) mod judgement;
pub(super) mod sending;
