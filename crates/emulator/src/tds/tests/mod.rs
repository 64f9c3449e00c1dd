//! Golden bytes, hostile bytes, and a real driver against a scripted engine.

mod codec;
mod driver;
mod scripted;
