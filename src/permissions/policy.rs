//! Policies that IAM takes: documents of no more characters than it allows.

use serde_json::{Value, json};

use super::{Place, statements};
use crate::resources::Kinds;

/// What a managed policy may have, whitespace not counted.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const QUOTA: usize = 6_144;

/// The policies of whoever runs `wmctl up`, or only looks: one, or as many as it takes.
pub fn policies(place: &Place<'_>, kinds: &Kinds, read_only: bool) -> Vec<Value> {
    let grants = place.grants(kinds, read_only);
    let statements = statements(place, &grants).into_iter();
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
