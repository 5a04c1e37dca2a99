//! Between [`Rgb8Image`] and OpenCV's matrices. The channel order stays R, G, B.

use opencv::boxed_ref::BoxedRef;
use opencv::core::{BORDER_CONSTANT, Mat, MatTraitConst, MatTraitConstManual, Scalar, Size, Vec3b};
use opencv::{core, imgproc};

use super::FacesError;
use crate::domain::Rgb8Image;

/// A view of the image's own bytes as an 8-bit three-channel matrix.
pub(super) fn view(image: &Rgb8Image) -> Result<BoxedRef<'_, Mat>, FacesError> {
    let side = |px: u32| {
        i32::try_from(px).map_err(|_| {
            opencv::Error::new(core::StsOutOfRange, "the image is too large for OpenCV")
        })
    };
    side(image.height_px())
        .and_then(|rows| {
            Mat::new_rows_cols_with_bytes::<Vec3b>(rows, side(image.width_px())?, image.pixels())
        })
        .map_err(FacesError::while_doing("view an image"))
}

/// Copies a continuous 8-bit three-channel matrix out.
pub(super) fn to_image(matrix: &Mat) -> Result<Rgb8Image, FacesError> {
    let bytes = matrix
        .data_bytes()
        .map_err(FacesError::while_doing("read an image"))?;
    let (width_px, height_px) = (matrix.cols() as u32, matrix.rows() as u32);
    Rgb8Image::new(width_px, height_px, bytes.to_vec()).map_err(|error| FacesError::Vision {
        action: "read an image",
        source: opencv::Error::new(core::StsUnmatchedSizes, error.to_string()),
    })
}

/// Scales by area averaging, which is right for shrinking.
pub(super) fn shrink(source: &impl core::ToInputArray, size: Size) -> Result<Mat, FacesError> {
    let mut small = Mat::default();
    imgproc::resize(source, &mut small, size, 0.0, 0.0, imgproc::INTER_AREA)
        .map_err(FacesError::while_doing("shrink an image"))?;
    Ok(small)
}

/// Puts `source` onto black of `size`, its first pixel at `corner` (`(left, top)`).
pub(super) fn place(
    source: &(impl core::ToInputArray + MatTraitConst),
    size: Size,
    corner: (i32, i32),
) -> Result<Mat, FacesError> {
    let (left, top) = corner;
    let (right, bottom) = (
        size.width - source.cols() - left,
        size.height - source.rows() - top,
    );
    let mut placed = Mat::default();
    let black = Scalar::default();
    core::copy_make_border(
        source,
        &mut placed,
        top,
        bottom,
        left,
        right,
        BORDER_CONSTANT,
        black,
    )
    .map_err(FacesError::while_doing("place an image on black"))?;
    Ok(placed)
}
