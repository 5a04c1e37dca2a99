//! What training added to a matrix, kept as two factors of low rank (LoRA, Hu et al. 2021, section
//! 4.1, with a scale of 1): beside `X.weight` [outputs, inputs] stand `X.low_rank.up` [outputs, R]
//! and `X.low_rank.down` [R, inputs]. A network moved so is a few megabytes on its foundation; once
//! loaded it costs what the foundation costs, because the product is added to the matrix.

/// The names of the factors of a tensor, `up` first; none if it is no `weight`.
pub(super) fn names(tensor: &str) -> Option<[String; 2]> {
    let owner = tensor.strip_suffix(".weight")?;
    Some(["up", "down"].map(|factor| format!("{owner}.low_rank.{factor}")))
}

/// Compares the shapes of `up` and `down` with that of their matrix.
///
/// # Errors
/// What is wrong with them, as the end of a sentence.
pub(super) fn check_shapes(up: &[i64], down: &[i64], matrix: &[i64]) -> Result<(), String> {
    match (up, down, matrix) {
        (&[outputs, rank], &[rank_too, inputs], &[rows, columns])
            if (outputs, inputs, rank) == (rows, columns, rank_too) =>
        {
            Ok(())
        }
        _ => Err(format!(
            "have shapes {up:?} and {down:?}, expected [outputs, R] and [R, inputs] of {matrix:?}"
        )),
    }
}
