use super::super::parse;
use super::{project, refusal, refusal_of};

#[test]
fn an_unknown_key_has_a_suggestion() {
    insta::assert_snapshot!(refusal_of(r#"
[function]
reserved_concurency = 60
"#), @r#"
    infra.toml has a problem

    error: unknown key `reserved_concurency` in `[function]`
     --> infra.toml:5:1
      |
    5 | reserved_concurency = 60
      | ^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `reserved_concurrency`?
    "#);
}

#[test]
fn an_unknown_key_of_another_section_is_sent_there() {
    insta::assert_snapshot!(refusal_of(r#"
[function]
storage_gb = 30
"#), @r#"
    infra.toml has a problem

    error: unknown key `storage_gb` in `[function]`
     --> infra.toml:5:1
      |
    5 | storage_gb = 30
      | ^^^^^^^^^^ in the wrong section
      |
      = help: `storage_gb` belongs to `[database]`
    "#);
}

#[test]
fn an_unknown_key_like_no_other_gets_the_list() {
    insta::assert_snapshot!(refusal_of(r#"
[network]
colour = "blue"
"#), @r#"
    infra.toml has a problem

    error: unknown key `colour` in `[network]`
     --> infra.toml:5:1
      |
    5 | colour = "blue"
      | ^^^^^^
      |
      = help: the keys here are `cidr`, `zones`, `egress`, `flow_logs`, `vpc_id` and `subnet_ids`
    "#);
}

#[test]
fn an_unknown_section_has_a_suggestion() {
    insta::assert_snapshot!(refusal_of(r#"
[databse]
storage_gb = 30
"#), @r#"
    infra.toml has a problem

    error: unknown section `[databse]`
     --> infra.toml:4:2
      |
    4 | [databse]
      |  ^^^^^^^
      |
      = help: did you mean `[database]`?
    "#);
}

#[test]
fn two_problems_are_said_at_once() {
    insta::assert_snapshot!(refusal_of(r#"
[function]
memory_mb = 64
[waf]
managed_rules = ["common", "slqi"]
"#), @r#"
    infra.toml has 2 problems

    error: `function.memory_mb` is 64, and must be 128 to 10240
     --> infra.toml:5:13
      |
    5 | memory_mb = 64
      |             ^^ too low
      |
      = help: the nearest is `memory_mb = 128`: these are Lambda's bounds

    error: `waf.managed_rules` cannot be `slqi`
     --> infra.toml:7:28
      |
    7 | managed_rules = ["common", "slqi"]
      |                            ^^^^^^
      |
      = help: did you mean `"sqli"`?
    "#);
}

#[test]
fn a_wrong_type_has_an_example() {
    insta::assert_snapshot!(refusal_of(r#"
[function]
timeout_s = "30"
"#), @r#"
    infra.toml has a problem

    error: `function.timeout_s` is text in quotes, and must be a whole number
     --> infra.toml:5:13
      |
    5 | timeout_s = "30"
      |             ^^^^ expected a whole number, found text in quotes
      |
      = help: for example `timeout_s = 30`
    "#);
}

#[test]
fn a_number_for_text_is_quoted() {
    insta::assert_snapshot!(refusal_of(r#"
[database]
version = 10.11
"#), @r#"
    infra.toml has a problem

    error: `database.version` is a number with a fraction, and must be text in quotes
     --> infra.toml:5:11
      |
    5 | version = 10.11
      |           ^^^^^ expected text in quotes, found a number with a fraction
      |
      = help: for example `version = "10.11"`
    "#);
}

#[test]
fn a_number_out_of_range_names_the_nearest() {
    insta::assert_snapshot!(refusal_of(r#"
[function]
memory_mb = 20_000
"#), @r#"
    infra.toml has a problem

    error: `function.memory_mb` is 20_000, and must be 128 to 10240
     --> infra.toml:5:13
      |
    5 | memory_mb = 20_000
      |             ^^^^^^ too high
      |
      = help: the nearest is `memory_mb = 10240`: these are Lambda's bounds
    "#);
}

#[test]
fn more_functions_than_connections() {
    insta::assert_snapshot!(refusal_of(r#"
[function]
reserved_concurrency = 90

[database]
parameters = { max_connections = "80" }
"#), @r#"
    infra.toml has a problem

    error: 90 functions at once need more connections than the database takes
     --> infra.toml:5:24
      |
    5 | reserved_concurrency = 90
      |                        ^^ needs 96: one each, and 6 for the migrator and the administrator
    ...
    8 | parameters = { max_connections = "80" }
      |                                  ---- all connections there are
      |
      = help: raise `max_connections` to 96, or lower `reserved_concurrency` to 74
    "#);
}

#[test]
fn a_default_is_named_as_one() {
    insta::assert_snapshot!(refusal_of(r#"
[database]
parameters = { max_connections = "50" }
"#), @r#"
    infra.toml has a problem

    error: 50 functions at once need more connections than the database takes
     --> infra.toml:5:34
      |
    5 | parameters = { max_connections = "50" }
      |                                  ^^^^ all connections there are
      |
      = note: `function.reserved_concurrency` is not in the file; `50` is its default
      = note: needs 56: one each, and 6 for the migrator and the administrator
      = help: raise `max_connections` to 56, or lower `reserved_concurrency` to 44
    "#);
}

#[test]
fn a_burst_below_the_rate() {
    insta::assert_snapshot!(refusal_of(r#"
[api.throttle]
rate = 500
burst = 200
"#), @r#"
    infra.toml has a problem

    error: `api.throttle.burst` is below the rate
     --> infra.toml:6:9
      |
    5 | rate = 500
      |        --- requests per second
    6 | burst = 200
      |         ^^^ only 200 may come at once
      |
      = help: raise it to `burst = 500`: with less, requests that come together are refused though the rate would let them in
    "#);
}

#[test]
fn a_plan_above_its_stage() {
    insta::assert_snapshot!(refusal_of(r#"
[api]
throttle = { rate = 50, burst = 100 }
"#), @r#"
    infra.toml has a problem

    error: `api.usage_plan.throttle.rate` is above the stage's
     --> infra.toml:5:21
      |
    5 | throttle = { rate = 50, burst = 100 }
      |                     ^^ for all keys together
      |
      = note: `api.usage_plan.throttle.rate` is not in the file; `100` is its default
      = note: 100 for each key, of which the stage lets 50 pass
      = help: `[api.usage_plan]` needs `throttle = { rate = 50, burst = 100 }` or less
    "#);
}

#[test]
fn a_network_that_is_too_small() {
    insta::assert_snapshot!(refusal_of(r#"
[network]
cidr = "10.42.0.0/28"
"#), @r#"
    infra.toml has a problem

    error: `network.cidr` is too small
     --> infra.toml:5:8
      |
    5 | cidr = "10.42.0.0/28"
      |        ^^^^^^^^^^^^^^ 16 addresses, for all subnets
      |
      = help: for example `cidr = "10.42.0.0/24"`
    "#);
}

#[test]
fn a_range_for_a_network_of_others() {
    insta::assert_snapshot!(refusal_of(r#"
[network]
cidr = "10.42.0.0/16"
vpc_id = "vpc-0a1b2c3d4e5f60718"
subnet_ids = ["subnet-0a1b2c3d4e5f60718", "subnet-0b2c3d4e5f607181a"]
"#), @r#"
    infra.toml has a problem

    error: `network.cidr` is for a VPC of the stack's own
     --> infra.toml:5:8
      |
    5 | cidr = "10.42.0.0/16"
      |        ^^^^^^^^^^^^^^ this would not be used
    6 | vpc_id = "vpc-0a1b2c3d4e5f60718"
      |          ----------------------- this VPC is used instead
      |
      = help: remove one of the two
    "#);
}

#[test]
fn ids_that_are_none() {
    insta::assert_snapshot!(refusal_of(r#"
[network]
vpc_id = "main"
subnet_ids = ["subnet-0A1B2C3D"]
"#), @r#"
    infra.toml has 3 problems

    error: `network.vpc_id` is not the id of one
     --> infra.toml:5:10
      |
    5 | vpc_id = "main"
      |          ^^^^^^ expected `vpc-` and 17 hexadecimal digits
      |
      = help: it looks like `"vpc-0a1b2c3d4e5f60718"`

    error: `network.subnet_ids` has the wrong number of subnets
     --> infra.toml:6:14
      |
    6 | subnet_ids = ["subnet-0A1B2C3D"]
      |              ^^^^^^^^^^^^^^^^^^^ 1 of them
      |
      = help: name two to six, each in a zone of its own: RDS wants two zones, and no region has more than six

    error: `network.subnet_ids[0]` is not the id of one
     --> infra.toml:6:15
      |
    6 | subnet_ids = ["subnet-0A1B2C3D"]
      |               ^^^^^^^^^^^^^^^^^ expected `subnet-` and 17 hexadecimal digits
      |
      = help: it looks like `"subnet-0a1b2c3d4e5f60718"`
    "#);
}

#[test]
fn a_network_with_host_bits() {
    insta::assert_snapshot!(refusal_of(r#"
[network]
cidr = "10.42.7.1/16"
"#), @r#"
    infra.toml has a problem

    error: `network.cidr` is an address inside a network
     --> infra.toml:5:8
      |
    5 | cidr = "10.42.7.1/16"
      |        ^^^^^^^^^^^^^^ bits are set beyond the prefix
      |
      = help: write the network's own address: `cidr = "10.42.0.0/16"`
    "#);
}

#[test]
fn keys_of_a_later_version() {
    insta::assert_snapshot!(refusal_of(r#"
[network]
egress = "nat"

[mcp]
enabled = true
"#), @r#"
    infra.toml has 2 problems

    error: `egress = "nat"` is not built yet in this version
     --> infra.toml:5:10
      |
    5 | egress = "nat"
      |          ^^^^^
      |
      = help: use "endpoints", or remove the line: it is the default

    error: `[mcp]` is not built yet in this version; remove it
     --> infra.toml:7:2
      |
    7 | [mcp]
      |  ^^^
      |
      = help: without it, the intents are served by the API alone
    "#);
}

#[test]
fn a_directory_that_is_not_there() {
    insta::assert_snapshot!(refusal_of(r#"
[migrations]
dir = "sql"
"#), @r#"
    infra.toml has a problem

    error: `migrations.dir` does not exist
     --> infra.toml:5:7
      |
    5 | dir = "sql"
      |       ^^^^^ no directory at sql
      |
      = help: paths are relative to the file that names them
    "#);
}

#[test]
fn text_without_quotes() {
    insta::assert_snapshot!(refusal_of(r#"
[network]
cidr = 10.42.0.0/16
zones = 9
"#), @r#"
    infra.toml has 2 problems

    error: not TOML: invalid float
     --> infra.toml:5:13
      |
    5 | cidr = 10.42.0.0/16
      |             ^^^^^^^
      |
      = help: text stands in quotes: `cidr = "10.42.0.0/16"`

    error: `network.zones` is 9, and must be 2 to 6
     --> infra.toml:6:9
      |
    6 | zones = 9
      |         ^ too high
      |
      = help: the nearest is `zones = 6`: RDS wants subnets in two zones, and no region has more than six
    "#);
}

#[test]
fn a_list_without_an_end_hides_the_rest() {
    insta::assert_snapshot!(refusal_of(r#"
[waf]
managed_rules = ["common",
[alarms]
emial = "x"
"#), @r#"
    infra.toml has a problem

    error: not TOML: unclosed array
     --> infra.toml:5:17
      |
    5 | managed_rules = ["common",
      |                 ^
      |
      = help: a list ends with `]`
    "#);
}

#[test]
fn a_misspelt_region() {
    insta::assert_snapshot!(refusal(r#"[stack]
name = "chatbot"
region = "us-esat-1""#), @r#"
    infra.toml has a problem

    error: `stack.region` is not a region of AWS
     --> infra.toml:3:10
      |
    3 | region = "us-esat-1"
      |          ^^^^^^^^^^^ no such region
      |
      = help: did you mean `region = "us-east-1"`?
    "#);
}

#[test]
fn a_missing_region() {
    insta::assert_snapshot!(refusal(r#"[stack]
name = "chatbot""#), @r#"
    infra.toml has a problem

    error: `stack.region` is missing
     --> infra.toml:1:1
      |
    1 | [stack]
      | ^^^^^^^ must be given here
      |
      = help: for example `region = "us-east-1"`
    "#);
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(refusal(r#""#), @r#"
    infra.toml has a problem

    error: `[stack]` is missing
    --> infra.toml
     = help: a whole file can be as small as
             [stack]
             name   = "chatbot"
             region = "us-east-1"
    "#);
}

#[test]
fn a_prefix_too_long_for_names_made_from_it() {
    insta::assert_snapshot!(refusal(r#"[stack]
name = "watermark-chatbot-of-the-security-team"
region = "us-east-1"
environment = "integration""#), @r#"
    infra.toml has a problem

    error: `watermark-chatbot-of-the-security-team-integration` is too long for the names made from it
     --> infra.toml:2:8
      |
    2 | name = "watermark-chatbot-of-the-security-team"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ with the environment 50 characters; 48 is the most
    3 | region = "us-east-1"
    4 | environment = "integration"
      |               ------------- the environment
      |
      = help: the IAM role is named `watermark-chatbot-of-the-security-team-integration-apigateway-logs`, and AWS takes 64 characters; leave out 2
    "#);
}

/// Whatever is left of a file, there is an answer: no panic, no endless search.
#[test]
fn a_file_cut_off_anywhere_is_read_or_refused() {
    let whole = include_str!("../../../infra.toml");
    let dir = project();
    let path = dir.path().join("infra.toml");
    let cut_off = whole
        .char_indices()
        .step_by(7)
        .map(|(end, _)| &whole[..end]);
    let headless = whole.match_indices('\n').map(|(start, _)| &whole[start..]);
    for text in cut_off.chain(headless) {
        if let Err(error) = parse(text, &path) {
            assert!(error.message.contains("error: "), "{text}\n{error}");
        }
    }
}

#[test]
fn the_stack_s_own_instance_and_a_password_are_not_named() {
    let said = refusal_of("database = { instance = \"chatbot-prod\", admin_secret = \"a\" }");
    assert!(
        said.contains("`database.instance` is the stack's own"),
        "{said}"
    );
    let said = refusal_of("database = { instance = \"shared\", admin_secret = \"pass word\" }");
    assert!(said.contains("is not a secret's name or ARN"), "{said}");
}

#[test]
fn an_instance_that_exists_is_not_described() {
    let said = refusal_of(
        r#"
[database]
instance = "shared"
admin_secret = "shared/admin"
instance_class = "db.t4g.small"
storage_gb = 20
parameters = { max_connections = "500" }
"#,
    );
    for (key, line) in [("instance_class", 7), ("storage_gb", 8), ("parameters", 9)] {
        let title = format!("`database.{key}` describes an instance of the stack's own");
        let place = format!("--> infra.toml:{line}:");
        assert!(said.contains(&title) && said.contains(&place), "{said}");
    }
    assert!(said.starts_with("infra.toml has 3 problems"), "{said}");
}
