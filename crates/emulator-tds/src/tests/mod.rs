//! Golden bytes, hostile bytes, real drivers and a raw client against a scripted engine.

mod codec;
mod driver;
mod fuzz;
mod raw;
mod scripted;
