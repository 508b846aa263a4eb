mod check;
mod connector;
mod crash;
mod first_sync;
mod folder;
mod http;
mod look;
mod plan;
