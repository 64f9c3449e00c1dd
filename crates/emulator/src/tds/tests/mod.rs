//! Golden bytes, hostile bytes, a real driver and a raw client against a scripted engine.

mod codec;
mod driver;
mod raw;
mod scripted;
