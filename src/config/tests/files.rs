use super::super::load;
use super::{nameless, project};
use crate::error::Kind;

#[test]
fn a_missing_file_says_how_to_make_one() {
    let dir = project();
    let error = load(&dir.path().join("infra.toml")).unwrap_err();
    assert_eq!(error.kind, Kind::Config);
    insta::assert_snapshot!(format!("{}\n{}", nameless(&error.message, dir.path()), error.hints.join("\n")), @r#"
    infra.toml does not exist
    wmctl --config PATH reads another file
    a whole file can be as small as
    [stack]
    name   = "chatbot"
    region = "us-east-1"
    "#);
}

#[test]
fn a_directory_is_not_a_file() {
    let dir = project();
    let error = load(dir.path()).unwrap_err();
    assert_eq!(error.kind, Kind::Config);
    assert!(error.message.ends_with("is a directory"), "{error}");
    assert!(error.hints[0].ends_with("infra.toml"), "{:?}", error.hints);
}

#[test]
fn other_encodings_are_named_with_their_place() {
    let dir = project();
    let path = dir.path().join("infra.toml");
    std::fs::write(&path, b"[stack]\nname = \"caf\xe9\"\n").unwrap();
    let error = load(&path).unwrap_err();
    assert_eq!(error.kind, Kind::Config);
    insta::assert_snapshot!(nameless(&error.message, dir.path()), @r#"
    infra.toml:2:12 is not UTF-8, and TOML is
    "#);
}

#[test]
fn a_file_is_read_from_disk() {
    let dir = project();
    let path = dir.path().join("infra.toml");
    std::fs::write(
        &path,
        "[stack]\nname = \"chatbot\"\nregion = \"us-east-1\"\n",
    )
    .unwrap();
    assert_eq!(load(&path).unwrap().prefix(), "chatbot-prod");
}
