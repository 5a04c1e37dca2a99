//! The cheapest pairing of rows with columns (the assignment problem), by shortest augmenting
//! paths with potentials (Kuhn–Munkres in the form of Jonker and Volgenant, 1987).

/// Which column each row gets: pairs of least total cost, never one of infinite cost. As many
/// pairs as possible come first, then the cost. `costs` is `[rows][columns]`, each at least 0.
pub(super) fn assign(costs: &[Vec<f64>]) -> Vec<Option<usize>> {
    let rows = costs.len();
    let columns = costs.first().map_or(0, Vec::len);
    // Each row may also take a column of its own that stands for "none"; at this price it does
    // so only when nothing else is left.
    let finite = costs.iter().flatten().filter(|c| c.is_finite());
    let none = 1.0 + 2.0 * finite.sum::<f64>();
    let price = |row: usize, column: usize| match costs[row].get(column) {
        Some(cost) if cost.is_finite() => *cost,
        Some(_) => 4.0 * none * (rows + 1) as f64,
        None => none,
    };
    let owner = solve(rows, columns + rows, price);
    let mut chosen = vec![None; rows];
    for (column, row) in owner.into_iter().take(columns).enumerate() {
        if let Some(row) = row {
            chosen[row] = costs[row][column].is_finite().then_some(column);
        }
    }
    chosen
}

/// The row of each column; `columns >= rows`, so every row gets one.
fn solve(rows: usize, columns: usize, price: impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    let mut row_potential = vec![0.0; rows];
    let mut column_potential = vec![0.0; columns];
    let mut owner: Vec<Option<usize>> = vec![None; columns];
    for start in 0..rows {
        let mut distance = vec![f64::INFINITY; columns];
        let mut before: Vec<Option<usize>> = vec![None; columns];
        let mut settled = vec![false; columns];
        let (mut row, mut from) = (start, None);
        let last = loop {
            // Shorten what can be reached through `row`, then settle the nearest column.
            let so_far = from.map_or(0.0, |column: usize| distance[column]);
            for column in (0..columns).filter(|&c| !settled[c]) {
                let reduced = price(row, column) - row_potential[row] - column_potential[column];
                if so_far + reduced < distance[column] {
                    distance[column] = so_far + reduced;
                    before[column] = from;
                }
            }
            let open = (0..columns).filter(|&c| !settled[c]);
            let Some(nearest) = open.min_by(|&a, &b| distance[a].total_cmp(&distance[b])) else {
                return owner;
            };
            settled[nearest] = true;
            match owner[nearest] {
                Some(next) => (row, from) = (next, Some(nearest)),
                None => break nearest,
            }
        };
        let length = distance[last];
        row_potential[start] += length;
        for column in (0..columns).filter(|&c| settled[c]) {
            if let Some(row) = owner[column] {
                row_potential[row] += length - distance[column];
            }
            column_potential[column] -= length - distance[column];
        }
        let mut column = last;
        while let Some(previous) = before[column] {
            owner[column] = owner[previous];
            column = previous;
        }
        owner[column] = Some(start);
    }
    owner
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pairs made and their total cost, over every possible pairing.
    fn best_by_trying_all(costs: &[Vec<f64>], taken: &mut Vec<usize>) -> (usize, f64) {
        let Some((row, rest)) = costs.split_first() else {
            return (0, 0.0);
        };
        let mut best = best_by_trying_all(rest, taken);
        for (column, cost) in row.iter().enumerate() {
            if cost.is_finite() && !taken.contains(&column) {
                taken.push(column);
                let (pairs, total) = best_by_trying_all(rest, taken);
                taken.pop();
                let found = (pairs + 1, total + cost);
                if found.0 > best.0 || (found.0 == best.0 && found.1 < best.1) {
                    best = found;
                }
            }
        }
        best
    }

    #[test]
    fn the_total_counts_not_the_first_choice() {
        let costs = [vec![1.0, 2.0], vec![1.5, 9.0]];
        assert_eq!(assign(&costs), [Some(1), Some(0)]);
    }

    #[test]
    fn an_infinite_cost_is_never_paid() {
        let costs = [vec![f64::INFINITY, 1.0], vec![f64::INFINITY, 2.0]];
        assert_eq!(assign(&costs), [Some(1), None]);
        assert_eq!(assign(&[]), []);
        assert_eq!(assign(&[vec![], vec![]]), [None, None]);
    }

    proptest! {
        #[test]
        fn no_pairing_is_larger_or_cheaper(
            columns in 0usize..5,
            cells in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![3 => 0f64..5.0, 1 => Just(f64::INFINITY)], 5), 0..5)
        ) {
            let costs: Vec<Vec<f64>> = cells.iter().map(|r| r[..columns].to_vec()).collect();
            let chosen = assign(&costs);
            let pairs: Vec<(usize, usize)> =
                chosen.iter().enumerate().filter_map(|(r, c)| Some((r, (*c)?))).collect();
            let mut used: Vec<usize> = pairs.iter().map(|p| p.1).collect();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), pairs.len(), "a column was given twice");
            let total: f64 = pairs.iter().map(|&(r, c)| costs[r][c]).sum();
            let (most, least) = best_by_trying_all(&costs, &mut Vec::new());
            prop_assert_eq!(pairs.len(), most);
            prop_assert!((total - least).abs() < 1e-9, "{} > {}", total, least);
        }
    }
}
