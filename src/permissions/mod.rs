//! What AWS has to let the operator do. Each kind of object, and each command that calls beside
//! them, declares the IAM actions of its calls where it makes them; the policy that `wmctl policy`
//! prints, and what `up` asks IAM before it changes anything, are both made from that.

pub mod action;
pub mod ask;
pub mod commands;
mod pattern;
pub mod policy;
mod statement;

use crate::config::Config;
use crate::resources::Kinds;
use crate::stack::Stack;

pub use self::statement::{Statement, statements};

/// IAM actions, each on all of some resources and under the same conditions.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// `service:Action`.
    pub actions: &'static [&'static str],
    /// What they are on, as [`pattern`] writes it: `ec2:vpc/*`.
    pub on: &'static [&'static str],
    pub when: &'static [When],
}

/// A condition that IAM sets for a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// The object carries this stack's tags.
    Ours,
    /// The object carries no other stack's tags: AWS made it, and so without any.
    Unclaimed,
    /// The call gives the object this stack's tags.
    Tagged,
    /// The tags come with one of these EC2 operations.
    Creating(&'static [&'static str]),
    /// The role is handed to this service.
    PassedTo(&'static str),
    /// The service-linked role is this service's.
    LinkedTo(&'static str),
    /// What is decrypted or encrypted is one of the stack's secrets.
    OfSecrets,
    /// This service makes the call for the operator.
    Via(&'static str),
    /// The grant is for an AWS service's own resource.
    ForResource,
}

/// For actions that take no resource.
pub const ALL: &[&str] = &["*"];

/// These actions on these resources, whatever the circumstances.
pub const fn allow(actions: &'static [&'static str], on: &'static [&'static str]) -> Grant {
    Grant {
        actions,
        on,
        when: &[],
    }
}

impl Grant {
    #[must_use]
    pub const fn when(mut self, when: &'static [When]) -> Self {
        self.when = when;
        self
    }

    /// Only on what carries this stack's tags.
    #[must_use]
    pub const fn ours(self) -> Self {
        self.when(&[When::Ours])
    }

    /// Only with this stack's tags.
    #[must_use]
    pub const fn tagged(self) -> Self {
        self.when(&[When::Tagged])
    }
}

/// What a kind of object needs to be found, and for each kind of step beside that.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    pub find: &'static [Grant],
    pub create: &'static [Grant],
    pub update: &'static [Grant],
    pub delete: &'static [Grant],
}

impl Calls {
    pub fn all(self) -> impl Iterator<Item = &'static Grant> {
        let steps = self.create.iter().chain(self.update).chain(self.delete);
        self.find.iter().chain(steps)
    }
}

/// What patterns stand for: one stack, and what it uses of others'.
pub struct Place<'a> {
    pub stack: &'a Stack,
    pub config: &'a Config,
}

impl Place<'_> {
    /// All that any command of this program needs, or only those that change nothing.
    pub fn grants(&self, kinds: &Kinds, read_only: bool) -> Vec<&'static Grant> {
        let mut grants: Vec<&Grant> = commands::READING.iter().flat_map(|all| *all).collect();
        grants.extend(kinds.iter().flat_map(|kind| kind.calls().find));
        if !read_only {
            grants.extend(commands::CHANGING.iter().flat_map(|all| *all));
            grants.extend(kinds.iter().flat_map(|kind| kind.calls().all()));
        }
        grants
    }
}
