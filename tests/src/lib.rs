//! Tests over the public API: see `it/` and `ui/`.
