//! Rendering on a thread of its own, while the decoder goes on.

use std::panic;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use ffmpeg_next::frame;

use super::MediaError;
use super::render::{Neighbourhood, Renderer};
use crate::domain::{Rgb8Image, SampledFrame};

/// Pictures that wait to be rendered. Each holds memory of the decoder.
const WAITING: usize = 2;

/// A frame to be caught.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    /// Its time or ordinal.
    pub(super) name: i64,
    pub(super) frame_index: u64,
    pub(super) time_s: Option<f64>,
}

/// A picture that was caught.
pub(super) enum Catch {
    /// Of whole frames.
    Progressive { target: Target, frame: frame::Video },
    /// Of fields, with the pictures shown before and after.
    Interlaced {
        target: Target,
        before: Option<frame::Video>,
        frame: frame::Video,
        after: Option<frame::Video>,
    },
}

/// What came of rendering.
pub(super) struct Rendered {
    pub(super) frames: Vec<SampledFrame>,
    pub(super) has_size_change: bool,
}

/// Runs `decoding`, and renders beside it what it sends.
///
/// # Errors
/// Those of rendering first: when it ends, decoding cannot send and ends too.
pub(super) fn render_beside<T>(
    renderer: Renderer,
    decoding: impl FnOnce(SyncSender<Catch>) -> Result<T, MediaError>,
) -> Result<(T, Rendered), MediaError> {
    thread::scope(|scope| {
        let (catches, arriving) = sync_channel(WAITING);
        let rendering =
            thread::Builder::new().spawn_scoped(scope, move || render_all(renderer, &arriving))?;
        let decoded = decoding(catches);
        let rendered = (rendering.join()).unwrap_or_else(|words| panic::resume_unwind(words))?;
        Ok((decoded?, rendered))
    })
}

fn render_all(mut renderer: Renderer, arriving: &Receiver<Catch>) -> Result<Rendered, MediaError> {
    let mut frames = Vec::new();
    for catch in arriving {
        let (target, image) = render(&mut renderer, &catch)?;
        frames.push(SampledFrame {
            frame_index: target.frame_index,
            time_s: target.time_s,
            image,
        });
    }
    Ok(Rendered {
        frames,
        has_size_change: renderer.has_size_change(),
    })
}

fn render(renderer: &mut Renderer, catch: &Catch) -> Result<(Target, Rgb8Image), MediaError> {
    match catch {
        Catch::Progressive { target, frame } => Ok((*target, renderer.render(frame)?)),
        Catch::Interlaced {
            target,
            before,
            frame,
            after,
        } => {
            let image = renderer.render_interlaced(&Neighbourhood {
                before: before.as_ref(),
                frame,
                after: after.as_ref(),
            })?;
            Ok((*target, image))
        }
    }
}
