use super::*;
use std::collections::BTreeSet;

#[test]
fn every_row_has_a_check_and_every_check_a_name_of_its_own() {
    let all = checks::all();
    let rows: BTreeSet<u8> = all.iter().map(|check| check.row).collect();
    let expected: BTreeSet<u8> = checks::ROWS.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, expected);
    let ids: BTreeSet<&str> = all.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), all.len());
}
