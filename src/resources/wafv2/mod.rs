//! The web ACL in front of the API.
