//! The detector's network: an ONNX file run by ONNX Runtime, which this file alone names.
//!
//! The library is loaded with the first network, so that a process without a detector does not carry it; and before a
//! worker shuts itself in, which afterwards could not. One session works on the caller's thread alone. Another with
//! more threads is made when they are first asked for: in the sandbox of a worker, so that the sandbox holds them. Both
//! give the same numbers.

use std::sync::OnceLock;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::value::TensorRef;

use super::FacesError;

/// Found by the program's run path, where `scripts/setup.sh` put it, or by `LD_LIBRARY_PATH`.
const LIBRARY: &str = "libonnxruntime.so.1";
const CHANNELS: usize = 3;

/// A parsed network. It takes `[1, 3, height, width]` of f32: blue, green and red from 0 to 255.
pub(super) struct Network {
    onnx: Vec<u8>,
    alone: Session,
    /// Its number of threads beside it.
    side_by_side: Option<(u32, Session)>,
    threads: u32,
    /// What the last picture was given as; kept for its memory.
    planes: Vec<f32>,
}

/// One output.
pub(super) struct Map {
    pub(super) shape: Vec<i64>,
    pub(super) values: Vec<f32>,
}

impl Network {
    /// Parses `onnx`; `refused` makes an error of what is wrong with it.
    ///
    /// # Errors
    /// That one, and [`FacesError::Runtime`] without ONNX Runtime.
    pub(super) fn parse(
        onnx: Vec<u8>,
        refused: impl Fn(String) -> FacesError,
    ) -> Result<Self, FacesError> {
        let alone = session(runtime()?, &onnx, 1).map_err(|e| refused(e.to_string()))?;
        let inputs = alone.inputs().len();
        if inputs != 1 {
            return Err(refused(format!("{inputs} inputs, expected one")));
        }
        Ok(Self {
            onnx,
            alone,
            side_by_side: None,
            threads: 1,
            planes: Vec::new(),
        })
    }

    /// How many threads look at a picture, the caller's among them.
    ///
    /// # Errors
    /// [`FacesError::Inference`] when they cannot be had.
    pub(super) fn bound_threads(&mut self, threads: u32) -> Result<(), FacesError> {
        let is_there = threads <= 1 || matches!(self.side_by_side, Some((is, _)) if is == threads);
        if !is_there {
            let wider = session(runtime()?, &self.onnx, threads);
            let wider = wider.map_err(FacesError::while_inferring("share the detector's work"))?;
            self.side_by_side = Some((threads, wider));
        }
        self.threads = threads.max(1);
        Ok(())
    }

    /// What the outputs are called.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &str> {
        self.alone.outputs().iter().map(|output| output.name())
    }

    /// The outputs called `names` for an 8-bit RGB picture.
    ///
    /// # Errors
    /// [`FacesError::Vision`] and [`FacesError::Inference`] when OpenCV or ONNX Runtime fail.
    pub(super) fn run(&mut self, picture: &Mat, names: &[String]) -> Result<Vec<Map>, FacesError> {
        let pixels = picture
            .data_bytes()
            .map_err(FacesError::while_doing("read a picture for the detector"))?;
        let (rows, columns) = (picture.rows() as usize, picture.cols() as usize);
        to_blue_green_red(pixels, &mut self.planes);
        let failed = || FacesError::while_inferring("run the face detector");
        let session = match &mut self.side_by_side {
            Some((threads, session)) if *threads == self.threads => session,
            Some(_) | None => &mut self.alone,
        };
        let shape = [1, CHANNELS, rows, columns];
        let input = TensorRef::from_array_view((shape, &*self.planes)).map_err(failed())?;
        let outputs = session.run(ort::inputs![input]).map_err(failed())?;
        let map = |name: &String| {
            let value = outputs.get(name).ok_or_else(|| missing(name))?;
            let (shape, values) = value.try_extract_tensor::<f32>()?;
            Ok(Map {
                shape: shape.to_vec(),
                values: values.to_vec(),
            })
        };
        let maps: ort::Result<Vec<Map>> = names.iter().map(map).collect();
        maps.map_err(failed())
    }
}

fn missing(name: &str) -> ort::Error {
    ort::Error::new(format!("there is no output {name}"))
}

/// From red, green and blue of one pixel after another to planes of blue, green and red.
fn to_blue_green_red(pixels: &[u8], planes: &mut Vec<f32>) {
    planes.clear();
    planes.resize(pixels.len(), 0.0);
    let (blue, rest) = planes.split_at_mut(pixels.len() / CHANNELS);
    let (green, red) = rest.split_at_mut(pixels.len() / CHANNELS);
    let planes = blue.iter_mut().zip(green).zip(red);
    for (pixel, ((blue, green), red)) in pixels.chunks_exact(CHANNELS).zip(planes) {
        *red = f32::from(pixel[0]);
        *green = f32::from(pixel[1]);
        *blue = f32::from(pixel[2]);
    }
}

fn session(runtime: &Environment, onnx: &[u8], threads: u32) -> ort::Result<Session> {
    // Threads that spin while they wait take the cores of the decoder and of other workers.
    Session::builder(runtime)?
        .with_intra_threads(threads as usize)?
        .with_intra_op_spinning(false)?
        .commit_from_memory(onnx)
}

/// ONNX Runtime, which a process loads once and keeps.
fn runtime() -> Result<&'static Environment, FacesError> {
    static RUNTIME: OnceLock<Result<Environment, String>> = OnceLock::new();
    let loaded = RUNTIME.get_or_init(|| {
        let builder = ort::init_from(LIBRARY).map_err(|e| e.to_string())?;
        let environment = builder.with_telemetry(false).build();
        let environment = environment.map_err(|e| e.to_string())?;
        // What fails comes back as an error; it would be told twice.
        environment.set_log_level(LogLevel::Fatal);
        Ok(environment)
    });
    loaded.as_ref().map_err(|problem| FacesError::Runtime {
        problem: problem.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_planes_of_blue_green_and_red() {
        let mut planes = vec![7.0; 100];
        to_blue_green_red(&[1, 2, 3, 4, 5, 255], &mut planes);
        assert_eq!(planes, [3.0, 255.0, 2.0, 5.0, 1.0, 4.0]);
    }
}
