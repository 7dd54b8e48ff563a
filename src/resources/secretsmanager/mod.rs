//! Secrets: generated here or by AWS, never shown.
