mod check;
mod crash;
mod folder;
mod http;
mod look;
mod plan;
