//! The two functions, their versions and aliases, and who may invoke them.
