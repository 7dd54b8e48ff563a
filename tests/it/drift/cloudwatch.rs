//! The alarms.

use super::Rows;

pub fn rows() -> Rows {
    Rows {
        drifts: vec![],
        deletions: vec![],
        fixed: &[],
        lasting: &[],
    }
}
