//! Colours come out as sRGB, whatever space a stream holds them in.

use super::*;

/// Soft colours in motion, within what every space here can hold.
const SOFT: &str = "testsrc2=size=320x240:rate=5:duration=1,eq=saturation=0.5:contrast=0.7";
/// Without loss and with a colour for every pixel, so that only the conversion can differ.
const LOSSLESS: &str = "-c:v libx264 -preset ultrafast -qp 0 -pix_fmt yuv444p10le";

/// A film of [`SOFT`] in another space: `to` are zscale's words for it, `tags` the encoder's.
fn converted(studio: &Studio, name: &str, to: &str, tags: &str) -> Sample {
    let filters = format!(
        "scale=out_color_matrix=bt709:out_range=limited,format=yuv444p16le,\
         setparams=colorspace=bt709:color_trc=bt709:color_primaries=bt709:range=limited,\
         zscale=t=linear:npl=203,format=gbrpf32le,zscale={to}:npl=203,format=yuv444p10le"
    );
    let clip = studio.film(name, SOFT, &format!("-vf {filters} {LOSSLESS} {tags}"));
    sample(&clip, 3).unwrap()
}

/// The film as ordinary high-definition video holds it.
fn ordinary(studio: &Studio) -> Sample {
    let tags = "-color_primaries bt709 -color_trc bt709 -colorspace bt709";
    converted(studio, "sdr.mkv", "t=709:p=709:m=709:r=limited", tags)
}

fn mean_difference(one: &Sample, other: &Sample) -> f64 {
    let pairs = one.frames.iter().zip(&other.frames);
    let differences = pairs.flat_map(|(a, b)| a.image.pixels().iter().zip(b.image.pixels()));
    let (mut sum, mut count) = (0.0, 0.0);
    for (a, b) in differences {
        sum += f64::from(a.abs_diff(*b));
        count += 1.0;
    }
    assert!(count > 0.0);
    sum / count
}

#[test]
fn high_dynamic_range_looks_like_its_standard_original() {
    let studio = Studio::new();
    let original = ordinary(&studio);
    for transfer in ["smpte2084", "arib-std-b67"] {
        let tags = format!("-color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc");
        let to = format!("t={transfer}:p=2020:m=2020_ncl:r=limited");
        let hdr = converted(&studio, &format!("{transfer}.mkv"), &to, &tags);
        let difference = mean_difference(&hdr, &original);
        assert!(difference < 2.5, "{transfer}: {difference}");
    }
}

#[test]
fn wide_primaries_other_curves_matrices_and_ranges_come_out_alike() {
    let studio = Studio::new();
    let original = ordinary(&studio);
    for (name, to, tags) in [
        (
            "p3",
            "t=709:p=smpte432:m=709:r=limited",
            "-color_primaries smpte432 -color_trc bt709 -colorspace bt709",
        ),
        (
            "bt2020",
            "t=2020_10:p=2020:m=2020_ncl:r=limited",
            "-color_primaries bt2020 -color_trc bt2020-10 -colorspace bt2020nc",
        ),
        (
            "pal",
            "t=709:p=bt470bg:m=470bg:r=limited",
            "-color_primaries bt470bg -color_trc bt709 -colorspace bt470bg",
        ),
        (
            "ntsc",
            "t=smpte170m:p=smpte170m:m=smpte170m:r=limited",
            "-color_primaries smpte170m -color_trc smpte170m -colorspace smpte170m",
        ),
        (
            "gamma28",
            "t=bt470bg:p=709:m=709:r=limited",
            "-color_primaries bt709 -color_trc gamma28 -colorspace bt709",
        ),
        (
            "linear",
            "t=linear:p=709:m=709:r=limited",
            "-color_primaries bt709 -color_trc linear -colorspace bt709",
        ),
        (
            "ycgco",
            "t=709:p=709:m=ycgco:r=limited",
            "-color_primaries bt709 -color_trc bt709 -colorspace ycgco",
        ),
        (
            "full",
            "t=709:p=709:m=709:r=full",
            "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range pc",
        ),
    ] {
        let other = converted(&studio, &format!("{name}.mkv"), to, tags);
        let difference = mean_difference(&other, &original);
        // Ten bits of linear light leave little for the shadows.
        let allowed = if name == "linear" { 8.0 } else { 2.5 };
        assert!(difference < allowed, "{name}: {difference}");
    }
}

#[test]
fn untagged_video_counts_as_high_definition_from_its_size_on() {
    let studio = Studio::new();
    for (size, matrix) in [("1280x720", "bt709"), ("640x480", "smpte170m")] {
        let source = format!("testsrc2=size={size}:rate=5:duration=1");
        let film = |name: &str, tags: &str| {
            let filters = format!("-vf scale=out_color_matrix={matrix},format=yuv444p");
            let codec = "-c:v libx264 -preset ultrafast -qp 0";
            studio.film(name, &source, &format!("{filters} {codec} {tags}"))
        };
        let tagged = film("tagged.mkv", &format!("-colorspace {matrix}"));
        let untagged = film("untagged.mkv", "-bsf:v h264_metadata=matrix_coefficients=2");
        let difference =
            mean_difference(&sample(&tagged, 2).unwrap(), &sample(&untagged, 2).unwrap());
        assert!(difference < 0.01, "{size}: {difference}");
    }
}

#[test]
fn dolby_vision_without_a_base_layer_is_refused_by_name() {
    let studio = Studio::new();
    let clip = studio.film(
        "a.mp4",
        NUMBERED,
        "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params log-level=error",
    );
    let bytes = std::fs::read(&clip).unwrap();
    // The box with bit rates, which nobody needs, becomes a Dolby Vision configuration.
    let at = bytes.windows(4).position(|w| w == b"btrt").unwrap();
    let with_profile = |profile: u8, compatible: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + 4].copy_from_slice(b"dvcC");
        changed[at + 4..at + 16].fill(0);
        // Version 1.0, seven bits of profile, then level and which layers there are.
        changed[at + 4..at + 8].copy_from_slice(&[1, 0, profile << 1, 0x25]);
        changed[at + 8..at + 8 + compatible.len()].copy_from_slice(compatible);
        studio.write("dolby.mp4", &changed)
    };
    let refused = probe(&with_profile(5, &[])).unwrap_err();
    assert_eq!(refused.code(), "unsupported-codec");
    assert!(
        refused.to_string().contains("Dolby Vision profile 5"),
        "{refused}"
    );
    assert!(probe(&clip).is_ok());
}
