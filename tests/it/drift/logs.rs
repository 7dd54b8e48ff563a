//! The log groups.

use wmctl::aws::Emulator as Which;

use super::{Account, Deletion, Drift, Rows, drift};

const GROUP: &str = "log-group/chatbot";
const NO_CHANGE: &str = "neither AssociateKmsKey nor DisassociateKmsKey";

pub fn rows() -> Rows {
    Rows {
        drifts: vec![
            drift(GROUP, "retention_days", |account| {
                Box::pin(async move {
                    let call = account.aws.logs.put_retention_policy().retention_in_days(1);
                    call.log_group_name(account.id(GROUP)).send().await.unwrap();
                })
            }),
            drift(GROUP, "retention_days", |account| {
                Box::pin(async move {
                    let call = account.aws.logs.delete_retention_policy();
                    call.log_group_name(account.id(GROUP)).send().await.unwrap();
                })
            }),
            Drift {
                except: &[(Which::MiniStack, NO_CHANGE), (Which::Moto, NO_CHANGE)],
                ..drift(GROUP, "kms_key", |account| {
                    Box::pin(async move {
                        let call = account.aws.logs.disassociate_kms_key();
                        let call = call.log_group_name(account.id(GROUP));
                        call.send().await.unwrap();
                    })
                })
            },
            drift(GROUP, "tags.owner", |account| Box::pin(tag(account, GROUP))),
            drift("log-group/api-execution", "tags.owner", |account| {
                Box::pin(tag(account, "log-group/api-execution"))
            }),
        ],
        deletions: vec![
            Deletion {
                id: GROUP,
                // The function and its role name it, and that name comes back.
                also: &[],
                except: &[],
                deed: |account| Box::pin(delete(account, GROUP)),
            },
            Deletion {
                id: "log-group/api-execution",
                also: &[],
                except: &[],
                deed: |account| Box::pin(delete(account, "log-group/api-execution")),
            },
        ],
        fixed: &[("log-group", "name", "a group keeps its name")],
        lasting: &[],
    }
}

async fn tag(account: &Account, group: &str) {
    let arn = format!(
        "arn:aws:logs:us-east-1:{}:log-group:{}",
        account.aws.account,
        account.id(group)
    );
    let call = account.aws.logs.tag_resource().resource_arn(arn);
    call.tags("owner", "other").send().await.unwrap();
}

async fn delete(account: &Account, group: &str) {
    let call = account.aws.logs.delete_log_group();
    call.log_group_name(account.id(group)).send().await.unwrap();
}
