//! Who may do what: one role for each function, with exact resources.
