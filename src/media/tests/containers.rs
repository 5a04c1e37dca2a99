//! Every container with every codec that the service promises.

use super::*;

/// Films a numbered clip, then checks what `probe` names and which frames `sample` takes.
#[track_caller]
fn assert_plays(name: &str, arguments: &str, container: &str, codec: &str) {
    let studio = Studio::new();
    let clip = studio.film(name, NUMBERED, arguments);
    let info = probe(&clip).unwrap();
    assert_eq!(info.picture.codec, codec, "{name}");
    assert!(
        info.container.contains(container),
        "{name}: {}",
        info.container
    );
    assert_eq!(
        (info.picture.width_px, info.picture.height_px),
        (160, 120),
        "{name}"
    );
    assert!(!info.has_audio, "{name}");
    assert_ten_true_frames(&sample(&clip, 10).unwrap(), name);
}

#[test]
fn h264_in_mp4_mov_mkv_flv_and_transport_stream() {
    let h264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 12";
    assert_plays("a.mp4", h264, "QuickTime / MOV", "h264");
    assert_plays("a.mov", h264, "QuickTime / MOV", "h264");
    assert_plays("a.mkv", h264, "Matroska / WebM", "h264");
    assert_plays("a.flv", h264, "FLV", "h264");
    assert_plays("a.ts", h264, "MPEG-TS", "h264");
}

#[test]
fn hevc_of_eight_and_ten_bits() {
    let hevc = "-c:v libx265 -preset ultrafast -x265-params log-level=none:pools=2";
    assert_plays(
        "a.mp4",
        &format!("{hevc} -pix_fmt yuv420p"),
        "QuickTime / MOV",
        "hevc",
    );
    assert_plays(
        "b.mkv",
        &format!("{hevc} -pix_fmt yuv420p10le"),
        "Matroska / WebM",
        "hevc",
    );
}

#[test]
fn vp8_vp9_and_av1_in_webm_and_mp4() {
    let vp8 =
        "-c:v libvpx -deadline realtime -cpu-used 8 -auto-alt-ref 1 -lag-in-frames 16 -b:v 500k";
    assert_plays("a.webm", vp8, "Matroska / WebM", "vp8");
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 500k";
    assert_plays("b.webm", vp9, "Matroska / WebM", "vp9");
    let av1 = "-c:v libaom-av1 -usage realtime -cpu-used 8 -b:v 500k";
    assert_plays("c.webm", av1, "Matroska / WebM", "av1");
    assert_plays("c.mp4", av1, "QuickTime / MOV", "av1");
}

#[test]
fn mpeg4_and_motion_jpeg_in_avi_mp4_and_mov() {
    let mpeg4 = "-c:v mpeg4 -q:v 2 -bf 2 -g 12";
    assert_plays("a.avi", mpeg4, "AVI", "mpeg4");
    assert_plays("a.mp4", mpeg4, "QuickTime / MOV", "mpeg4");
    let jpeg = "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p";
    assert_plays("b.avi", jpeg, "AVI", "mjpeg");
    assert_plays("b.mov", jpeg, "QuickTime / MOV", "mjpeg");
}

#[test]
fn reordered_h264_in_avi_which_has_no_presentation_times() {
    assert_plays(
        "a.avi",
        "-c:v libx264 -pix_fmt yuv420p -bf 3",
        "AVI",
        "h264",
    );
}

#[test]
fn sorenson_in_flv_and_windows_media_in_wmv() {
    assert_plays("a.flv", "-c:v flv -q:v 2", "FLV", "flv1");
    assert_plays("a.wmv", "-c:v wmv2 -q:v 2", "ASF", "wmv2");
}

#[test]
fn mpeg1_and_mpeg2_in_program_and_transport_streams() {
    assert_plays(
        "a.mpg",
        "-c:v mpeg1video -q:v 2 -bf 2",
        "MPEG-PS",
        "mpeg1video",
    );
    assert_plays(
        "b.mpg",
        "-c:v mpeg2video -q:v 2 -bf 2 -f vob",
        "MPEG-PS",
        "mpeg2video",
    );
    assert_plays(
        "b.ts",
        "-c:v mpeg2video -q:v 2 -bf 2",
        "MPEG-TS",
        "mpeg2video",
    );
}

#[test]
fn h264_in_a_program_stream() {
    assert_plays(
        "a.mpg",
        "-c:v libx264 -pix_fmt yuv420p -f vob",
        "MPEG-PS",
        "h264",
    );
}

#[test]
fn a_fragmented_mp4_with_sound_plays_too() {
    let studio = Studio::new();
    let clip = studio.film(
        "a.mp4",
        NUMBERED,
        "-f lavfi -i sine=duration=2 -c:v libx264 -pix_fmt yuv420p -g 10 -c:a aac \
         -movflags frag_keyframe+empty_moov",
    );
    assert!(probe(&clip).unwrap().has_audio);
    assert_ten_true_frames(&sample(&clip, 10).unwrap(), "fragmented");
}

#[test]
fn the_header_of_a_phone_clip_is_read() {
    let studio = Studio::new();
    let clip = studio.film(
        "a.mov",
        NUMBERED,
        "-c:v libx264 -pix_fmt yuv420p -movflags use_metadata_tags \
         -metadata creation_time=2026-01-15T10:30:45Z \
         -metadata com.apple.quicktime.make=Acme -metadata com.apple.quicktime.model=Phone-7 \
         -metadata com.apple.quicktime.software=17.2 \
         -metadata com.apple.quicktime.location.ISO6709=+48.85+002.35/ -metadata:s:v encoder=Lens",
    );
    let info = probe(&clip).unwrap();
    let creation_time = info.creation_time.expect("the file states it");
    assert!(
        creation_time.starts_with("2026-01-15T10:30:45"),
        "{creation_time}"
    );
    assert_eq!(info.device.make.as_deref(), Some("Acme"));
    assert_eq!(info.device.model.as_deref(), Some("Phone-7"));
    assert_eq!(info.device.software.as_deref(), Some("17.2"));
    assert_eq!(info.device.location.as_deref(), Some("+48.85+002.35/"));
    assert!(info.device.encoder.is_some());
    assert_eq!(info.duration_s, Some(2.0));
    assert_eq!(info.picture.frame_count, Some(50));
    assert_eq!(info.picture.frame_rate.unwrap().to_string(), "25/1");
    assert_eq!(info.picture.pixel_format.as_deref(), Some("yuv420p"));
    assert_eq!(info.size_bytes, std::fs::metadata(&clip).unwrap().len());
    assert!(info.bit_rate_bps.unwrap() > 1000);
}

#[test]
fn the_name_of_a_file_means_nothing() {
    let studio = Studio::new();
    let clip = studio.film("a.mkv", NUMBERED, "-c:v mpeg4 -q:v 2 -f matroska");
    let renamed = studio.path("photo.jpg");
    std::fs::rename(clip, &renamed).unwrap();
    assert_ten_true_frames(&sample(&renamed, 10).unwrap(), "renamed");
}
