//! Detection, tracking and aligned crops: the only place that names OpenCV.
