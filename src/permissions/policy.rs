//! Policies that IAM takes: documents of no more characters than it allows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Place, Statement, statements};
use crate::resources::Kinds;

/// What a managed policy may have, whitespace not counted.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const QUOTA: usize = 6_144;

/// The policies of whoever runs `wmctl up`, or only looks: one, or as many as it takes.
pub fn policies(place: &Place<'_>, kinds: &Kinds, read_only: bool) -> Vec<Value> {
    let grants = place.grants(kinds, read_only);
    let statements = named(fewer(statements(place, &grants))).into_iter();
    let mut documents: Vec<Vec<Value>> = vec![Vec::new()];
    for statement in statements.map(|statement| statement.json(place.stack)) {
        let fits = |statements: &Vec<Value>| {
            let mut more = statements.clone();
            more.push(statement.clone());
            size(&document(&more)) <= QUOTA
        };
        // The first that has room: as few documents as that makes.
        match documents.iter_mut().find(|one| fits(one)) {
            Some(one) => one.push(statement),
            None => documents.push(vec![statement]),
        }
    }
    documents.iter().map(|one| document(one)).collect()
}

/// EC2's actions are each on types of their own, so those under the same condition need not be told
/// apart: an action on a VPC's tags allows nothing on a subnet.
fn fewer(statements: Vec<Statement>) -> Vec<Statement> {
    let mut fewer: Vec<Statement> = Vec::new();
    for statement in statements {
        let typed = statement.sid.starts_with("Ec2") && !statement.when.is_empty();
        let same = fewer
            .iter_mut()
            .find(|other| typed && other.sid == statement.sid && other.when == statement.when);
        match same {
            Some(other) => {
                other.actions.extend(statement.actions);
                other.resources.extend(statement.resources);
                other.resources.sort_unstable();
                other.resources.dedup();
            }
            None => fewer.push(statement),
        }
    }
    fewer
}

/// Each Sid once: a letter tells those with the same conditions apart.
fn named(mut statements: Vec<Statement>) -> Vec<Statement> {
    let mut seen: BTreeMap<String, u8> = BTreeMap::new();
    for statement in &mut statements {
        let number = seen.entry(statement.sid.clone()).or_default();
        if *number > 0 {
            statement.sid.push(char::from(b'A' + *number));
        }
        *number += 1;
    }
    statements
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The characters that IAM counts.
pub fn size(document: &Value) -> usize {
    let text = document.to_string();
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}
