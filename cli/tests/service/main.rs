//! The service as a process, on an embedded S3 server, over sockets: what jobs promise to clients, what
//! holds when the process is killed, what happens when the disk is full, and hostile clients.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on ends with a panic")]

mod bounds;
mod crashes;
mod creating;
mod forged;
mod function;
mod habits;
mod hostile;
mod lists;
mod neighbours;
mod operations;
mod outcomes;
mod parts;
mod regions;
mod restores;
mod rights;
mod silence;
mod space;
mod temporary;
mod test_service;
mod words;
