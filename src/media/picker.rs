//! Catches the wanted frames from a stream of decoded ones, hands them on to be rendered, and keeps
//! nothing else.

use std::sync::mpsc::SyncSender;

use ffmpeg_next::frame;

use super::MediaError;
use super::decoder::FrameSink;
use super::native;
use super::rendering::{Catch, Target};

/// How decoded frames are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameName {
    /// By presentation time.
    Time,
    /// By position among the frames decoded.
    Ordinal,
}

/// Catches `targets`, which ascend.
pub(super) struct Picker {
    named_by: FrameName,
    targets: std::vec::IntoIter<Target>,
    next: Option<Target>,
    catches: SyncSender<Catch>,
    seen: i64,
    /// The frame before, where deinterlacing may need it.
    before: Option<frame::Video>,
    /// A caught interlaced frame that waits for the one after it.
    waiting: Option<(Target, frame::Video, Option<frame::Video>)>,
    has_missed: bool,
    has_interlaced: bool,
}

impl Picker {
    /// Will catch `targets` and send them on.
    pub(super) fn new(
        named_by: FrameName,
        targets: Vec<Target>,
        catches: SyncSender<Catch>,
    ) -> Self {
        let mut targets = targets.into_iter();
        Self {
            named_by,
            next: targets.next(),
            targets,
            catches,
            seen: 0,
            before: None,
            waiting: None,
            has_missed: false,
            has_interlaced: false,
        }
    }

    /// Renders what waits for a neighbour that will not come, and forgets the frame before: the
    /// next one comes from elsewhere in the stream.
    pub(super) fn end_run(&mut self) -> Result<(), MediaError> {
        self.before = None;
        self.render_waiting(None)
    }

    /// Whether every target so far was caught, by exactly its name.
    pub(super) fn is_exact(&self) -> bool {
        !self.has_missed
    }

    /// Whether nothing is left to catch.
    pub(super) fn is_done(&self) -> bool {
        self.next.is_none() && self.waiting.is_none()
    }

    /// Whether a caught frame was interlaced.
    pub(super) fn has_interlaced(&self) -> bool {
        self.has_interlaced
    }

    fn catch(&mut self, target: Target, frame: &frame::Video) -> Result<(), MediaError> {
        let frame = share(frame)?;
        if frame.is_interlaced() {
            self.has_interlaced = true;
            self.waiting = Some((target, frame, self.before.take()));
            return Ok(());
        }
        self.send(Catch::Progressive { target, frame })
    }

    fn render_waiting(&mut self, after: Option<&frame::Video>) -> Result<(), MediaError> {
        let Some((target, frame, before)) = self.waiting.take() else {
            return Ok(());
        };
        let after = after.map(share).transpose()?;
        self.send(Catch::Interlaced {
            target,
            before,
            frame,
            after,
        })
    }

    fn send(&self, catch: Catch) -> Result<(), MediaError> {
        // Who renders has then ended, with an error that says more.
        self.catches.send(catch).map_err(|_| MediaError::NoFrames)
    }
}

impl FrameSink for Picker {
    fn accept(&mut self, frame: &frame::Video) -> Result<(), MediaError> {
        self.render_waiting(Some(frame))?;
        let name = match self.named_by {
            FrameName::Time => frame.pts(),
            FrameName::Ordinal => Some(self.seen),
        };
        self.seen += 1;
        while let Some(target) = self.next {
            if name.is_none_or(|name| name < target.name) {
                break;
            }
            self.next = self.targets.next();
            if name == Some(target.name) {
                self.catch(target, frame)?;
                break;
            }
            self.has_missed = true;
        }
        self.before = if frame.is_interlaced() {
            Some(share(frame)?)
        } else {
            None
        };
        Ok(())
    }
}

fn share(frame: &frame::Video) -> Result<frame::Video, MediaError> {
    native::share(frame).map_err(|cause| MediaError::Library {
        doing: "keeping a frame",
        cause,
    })
}
