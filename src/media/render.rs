//! Decoded pictures to upright sRGB: deinterlaced, square pixels, one size for the whole sample.
//!
//! FFmpeg's filters do the work with exact rounding, so equal pictures give equal bytes.

use ffmpeg_next::{Error, filter, frame};
use image::RgbImage;

use super::native::{self, FrameShape};
use super::orientation::Orientation;
use super::{MediaError, colour};
use crate::domain::Rgb8Image;

/// Pixel shapes beyond this are damage, not anamorphic video.
const MAX_PIXEL_STRETCH: f64 = 4.0;

/// Turns pictures of one stream into images.
pub(super) struct Renderer {
    orientation: Orientation,
    pixel_shape: (u32, u32),
    max_frame_pixels: u64,
    /// Size of the first image before its turn; later pictures are fitted into it.
    canvas: Option<(u32, u32)>,
    first_shape: Option<(u32, u32)>,
    has_size_change: bool,
    pipeline: Option<(FrameShape, Pipeline)>,
}

/// A picture with its neighbours in time, which deinterlacing interpolates between.
pub(super) struct Neighbourhood<'a> {
    pub(super) before: Option<&'a frame::Video>,
    pub(super) frame: &'a frame::Video,
    pub(super) after: Option<&'a frame::Video>,
}

impl Renderer {
    /// For a stream with these properties; images hold at most `max_frame_pixels`.
    pub(super) fn new(
        orientation: Orientation,
        pixel_shape: (u32, u32),
        max_frame_pixels: u64,
    ) -> Self {
        Self {
            orientation,
            pixel_shape,
            max_frame_pixels,
            canvas: None,
            first_shape: None,
            has_size_change: false,
            pipeline: None,
        }
    }

    /// Whether pictures of different sizes were rendered.
    pub(super) fn has_size_change(&self) -> bool {
        self.has_size_change
    }

    /// Renders a progressive picture.
    pub(super) fn render(&mut self, frame: &frame::Video) -> Result<Rgb8Image, MediaError> {
        let shape = self.note_shape(frame);
        let spec = self.scale_spec(shape);
        let mut pipeline = match self.pipeline.take() {
            Some((made_for, pipeline)) if made_for == shape => pipeline,
            _ => Pipeline::build(shape, &spec).map_err(failed)?,
        };
        pipeline.push(frame).map_err(failed)?;
        let rendered = pipeline.pull().map_err(failed)?;
        self.pipeline = Some((shape, pipeline));
        self.turn(&rendered)
    }

    /// Renders the middle one of interlaced pictures.
    pub(super) fn render_interlaced(
        &mut self,
        around: &Neighbourhood<'_>,
    ) -> Result<Rgb8Image, MediaError> {
        let shape = self.note_shape(around.frame);
        let spec = format!("bwdif=mode=send_frame:deint=all,{}", self.scale_spec(shape));
        let same = |frame: &&frame::Video| native::frame_shape(frame) == shape;
        let (before, after) = (around.before.filter(same), around.after.filter(same));
        let rendered =
            deinterlace(shape, &spec, [before, Some(around.frame), after]).map_err(failed)?;
        self.turn(&rendered)
    }

    fn note_shape(&mut self, frame: &frame::Video) -> FrameShape {
        let shape = native::frame_shape(frame);
        let size = (shape.width_px, shape.height_px);
        self.has_size_change |= *self.first_shape.get_or_insert(size) != size;
        shape
    }

    /// Filters from a picture of `shape` to RGB on the canvas.
    fn scale_spec(&mut self, shape: FrameShape) -> String {
        let (square_width, height) =
            square_size((shape.width_px, shape.height_px), self.pixel_shape);
        let fitted = fit_pixels((square_width, height), self.max_frame_pixels);
        let (width, height) = *self.canvas.get_or_insert(fitted);
        let margins = if fitted == (width, height) {
            String::new()
        } else {
            format!(":force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1")
        };
        colour::filters(shape, (width, height), &margins)
    }

    fn turn(&self, rendered: &frame::Video) -> Result<Rgb8Image, MediaError> {
        let (width, height) = (rendered.width(), rendered.height());
        let image = RgbImage::from_raw(width, height, interleave(rendered))
            .expect("a frame of this size has this many rows of this many bytes");
        let upright = self.orientation.apply(image);
        let (width, height) = upright.dimensions();
        Rgb8Image::new(width, height, upright.into_raw()).map_err(|_| MediaError::NoFrames)
    }
}

/// The planes G, B and R that [`colour::filters`] ends with, pixel by pixel as R, G and B. The filters
/// would do that too, several times slower.
fn interleave(planes: &frame::Video) -> Vec<u8> {
    let (width, height) = (planes.width() as usize, planes.height() as usize);
    let rows = |plane| planes.data(plane).chunks(planes.stride(plane));
    let mut pixels = vec![0; width * height * 3];
    let rows = rows(2).zip(rows(0)).zip(rows(1));
    for (pixels, ((red, green), blue)) in pixels.chunks_exact_mut(width * 3).zip(rows) {
        let row = red.iter().zip(green).zip(blue);
        for (pixel, ((red, green), blue)) in pixels.as_chunks_mut().0.iter_mut().zip(row) {
            *pixel = [*red, *green, *blue];
        }
    }
    pixels
}

fn failed(cause: Error) -> MediaError {
    MediaError::Library {
        doing: "converting a frame",
        cause,
    }
}

/// Width and height once pixels of `pixel_shape` are made square.
pub(super) fn square_size(size: (u32, u32), pixel_shape: (u32, u32)) -> (u32, u32) {
    let stretch = f64::from(pixel_shape.0) / f64::from(pixel_shape.1);
    let is_plausible = (1.0 / MAX_PIXEL_STRETCH..=MAX_PIXEL_STRETCH).contains(&stretch);
    if !is_plausible {
        return size;
    }
    let width = (f64::from(size.0) * stretch).round().max(1.0);
    (width as u32, size.1)
}

/// `size`, shrunk in proportion to hold at most `max_pixels`.
fn fit_pixels(size: (u32, u32), max_pixels: u64) -> (u32, u32) {
    let pixels = f64::from(size.0) * f64::from(size.1);
    if pixels <= max_pixels as f64 {
        return size;
    }
    let ratio = (max_pixels as f64 / pixels).sqrt();
    let shrink = |side: u32| (f64::from(side) * ratio).floor().max(1.0) as u32;
    (shrink(size.0), shrink(size.1))
}

/// Runs `[before, frame, after]` through a deinterlacer of its own and returns the middle one.
fn deinterlace(
    shape: FrameShape,
    spec: &str,
    frames: [Option<&frame::Video>; 3],
) -> Result<frame::Video, Error> {
    let mut pipeline = Pipeline::build(shape, spec)?;
    for frame in frames.iter().flatten() {
        pipeline.push(frame)?;
    }
    pipeline.close()?;
    if frames[0].is_some() {
        pipeline.pull()?;
    }
    pipeline.pull()
}

/// A filter graph with one input and one output.
struct Pipeline {
    graph: filter::Graph,
    pushed: i64,
}

impl Pipeline {
    fn build(shape: FrameShape, spec: &str) -> Result<Self, Error> {
        let mut graph = filter::Graph::new();
        native::run_on_one_thread(&mut graph);
        let input = format!(
            "video_size={}x{}:pix_fmt={}:time_base=1/25:pixel_aspect=1/1",
            shape.width_px, shape.height_px, shape.pixel_format
        );
        let find = |name| filter::find(name).ok_or(Error::FilterNotFound);
        graph.add(&find("buffer")?, "in", &input)?;
        graph.add(&find("buffersink")?, "out", "")?;
        graph.output("in", 0)?.input("out", 0)?.parse(spec)?;
        graph.validate()?;
        Ok(Self { graph, pushed: 0 })
    }

    fn push(&mut self, frame: &frame::Video) -> Result<(), Error> {
        let mut shared = native::share(frame)?;
        shared.set_pts(Some(self.pushed));
        self.pushed += 1;
        self.end("in")?.source().add(&shared)
    }

    fn close(&mut self) -> Result<(), Error> {
        let end = self.pushed;
        self.end("in")?.source().close(end)
    }

    fn pull(&mut self) -> Result<frame::Video, Error> {
        let mut rendered = frame::Video::empty();
        self.end("out")?.sink().frame(&mut rendered)?;
        Ok(rendered)
    }

    fn end(&mut self, name: &str) -> Result<filter::Context, Error> {
        self.graph.get(name).ok_or(Error::FilterNotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_pixels_are_widened_and_absurd_ones_left_alone() {
        assert_eq!(square_size((720, 576), (16, 15)), (768, 576));
        assert_eq!(square_size((720, 576), (1, 1)), (720, 576));
        assert_eq!(square_size((720, 576), (1000, 1)), (720, 576));
    }

    #[test]
    fn large_frames_shrink_in_proportion() {
        assert_eq!(fit_pixels((7680, 4320), 9_000_000), (4000, 2250));
        assert_eq!(fit_pixels((640, 480), 9_000_000), (640, 480));
    }
}
