//! Who may do what: tables of callers, policies and decisions.

mod keys;
mod matching;
mod naive;
mod operators;
mod roles;
mod scene;
mod truth_table;
mod twins;
