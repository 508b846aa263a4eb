mod check;
mod connector;
mod crash;
mod folder;
mod http;
mod look;
mod plan;
