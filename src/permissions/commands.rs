//! What commands call beside the kinds of objects. Where each does it, it declares it.

use super::{Grant, allow};
use crate::resources::{lambda, secretsmanager};
use crate::{audit, cli, lease, rotation};

/// Of those that change nothing: `plan`, `status` and `audit`.
pub const READING: &[&[Grant]] = &[cli::view::READS, lease::READS, audit::read::READS];

/// Of the others.
pub const CHANGING: &[&[Grant]] = &[
    super::ask::ASKS,
    lease::HOLDS,
    rotation::ROTATES,
    // `migrate`, `maintain` and the health that `status` and `rollback` ask for.
    &[lambda::MIGRATE, lambda::FOLLOW],
    // `keys show` and `call`.
    &[secretsmanager::READ, secretsmanager::DECRYPT],
    ROLLBACK,
];

/// `rollback` moves an alias, and `rotate-secrets` starts a rotation.
const ROLLBACK: &[Grant] = &[
    allow(
        &["lambda:GetFunctionConfiguration", "lambda:UpdateAlias"],
        &["lambda:function:{stack}-*"],
    ),
    allow(
        &["secretsmanager:RotateSecret"],
        &["secretsmanager:secret:{stack}/*"],
    ),
];
