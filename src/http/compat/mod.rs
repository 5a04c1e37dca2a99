//! Routes and answers of earlier services, so that their clients work unchanged.
//!
//! | file | service |
//! |---|---|
//! | `d3_detection` | D3 Detection API: an image as `image` to `POST /predict` |
//! | `dfdetect` | dfdetect-service: an image as `file` to `POST /predict` |
//! | `faces` | Deep-Fake API: the faces of a video, without a verdict |
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
pub(super) mod dfdetect;
pub(super) mod faces;
pub(super) mod judgement;
