//! System calls: what this program asks of the operating system, one file per kind of question.
//!
//! Nothing here decodes what comes back, and nothing here knows the model.

pub mod hosts;
pub mod kcmp;
pub mod namespace;
pub mod netlink;
pub mod proc_root;
pub mod stdout;
pub mod terminal;
pub mod users;
