//! "Did you mean …?"

/// The candidate nearest to what was written, where it is near enough to be a slip.
pub(super) fn nearest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let written = written.to_lowercase();
    let allowed = (written.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (distance(&written, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `memory` for `memory_mb`: the unit left off is the commonest slip, and a long way by letters.
fn distance(written: &str, candidate: &str) -> usize {
    let unit_left_off = written.len() >= 3
        && candidate
            .strip_prefix(written)
            .is_some_and(|rest| rest.starts_with('_'));
    if unit_left_off {
        1
    } else {
        strsim::damerau_levenshtein(written, &candidate.to_lowercase())
    }
}

/// "`a`, `b` and `c`".
pub(super) fn list<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
