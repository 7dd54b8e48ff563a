//! The help is an interface: a change to it shows here.

use std::fmt::Write;

use crate::project::Project;

#[test]
fn the_help_of_every_command() {
    let project = Project::new();
    let mut help = String::new();
    for arguments in [
        vec!["--help"],
        vec!["up", "--help"],
        vec!["plan", "--help"],
        vec!["cost", "--help"],
        vec!["down", "--help"],
        vec!["migrate", "--help"],
        vec!["rollback", "--help"],
        vec!["maintain", "--help"],
        vec!["rotate-secrets", "--help"],
        vec!["status", "--help"],
        vec!["policy", "--help"],
        vec!["call", "--help"],
        vec!["local", "--help"],
        vec!["local", "start", "--help"],
    ] {
        let run = project.wmctl(&arguments).ok();
        let _ = writeln!(help, "$ wmctl {}\n{}", arguments.join(" "), run.stdout);
    }
    insta::assert_snapshot!("help", help);
}

#[test]
fn an_unknown_command_names_the_nearest_one() {
    let run = Project::new().wmctl(&["stauts"]);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.stderr, @r"
    error: unrecognized subcommand 'stauts'

      tip: some similar subcommands exist: 'audit', 'status'

    Usage: wmctl [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}
