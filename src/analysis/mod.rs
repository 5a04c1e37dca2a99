//! The story of one analysis: media → faces → scores → verdict.
