//! The checklist of webhook security, line by line: what concerns the door is here, beside [`crate::secrecy`]; what concerns
//! sockets is with the program and the network client. RELIABILITY.md names the test of every line.

pub(crate) mod door;
mod lines;
mod outward;
mod strangers;
