//! Function URLs: a way past the API, its keys and its firewall. Ours have none; one that somebody
//! made is drift.

use super::{NOT_FOUND, once_idle};
use crate::aws::{During, Emulator, Optional, Reader};
use crate::error::Result;
use crate::resources::Cx;

const LATEST: &str = "$LATEST";

/// What a function has URLs for: `$LATEST`, or an alias.
pub(super) async fn qualifiers(reader: &Reader, function: &str) -> Result<Vec<String>> {
    // moto does not list them.
    if reader.aws.emulator == Some(Emulator::Moto) {
        return Ok(Vec::new());
    }
    let call = reader.aws.lambda.list_function_url_configs();
    let pages = call.function_name(function).into_paginator().items().send();
    let urls = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListFunctionUrlConfigs", function)
        .unless(NOT_FOUND)?;
    let arns = urls.unwrap_or_default().into_iter();
    let mut qualifiers: Vec<String> = arns
        .map(|url| qualifier_of(&url.function_arn).unwrap_or(LATEST).to_owned())
        .collect();
    qualifiers.sort();
    Ok(qualifiers)
}

pub(super) async fn remove(cx: &Cx<'_>, function: &str, qualifiers: &[String]) -> Result<()> {
    for qualifier in qualifiers {
        let alias = (qualifier != LATEST).then(|| qualifier.clone());
        let call = cx.aws.lambda.delete_function_url_config();
        let call = call.function_name(function).set_qualifier(alias);
        once_idle(cx, || async {
            let answer = call.clone().send().await;
            answer.during("DeleteFunctionUrlConfig", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
    }
    Ok(())
}

/// The alias or version in a function's ARN.
pub(super) fn qualifier_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(7)
}
