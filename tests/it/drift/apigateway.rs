//! The REST API and all that belongs to it.

use super::Rows;

pub fn rows() -> Rows {
    Rows {
        drifts: vec![],
        deletions: vec![],
        fixed: &[],
        lasting: &[],
    }
}
