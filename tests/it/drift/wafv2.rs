//! The web ACL and its association.

use super::Rows;

pub fn rows() -> Rows {
    Rows {
        drifts: vec![],
        deletions: vec![],
        fixed: &[],
        lasting: &[],
    }
}
