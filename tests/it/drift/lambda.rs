//! The functions, their versions, aliases and permissions.

use super::Rows;

pub fn rows() -> Rows {
    Rows {
        drifts: vec![],
        deletions: vec![],
        fixed: &[],
        lasting: &[],
    }
}
