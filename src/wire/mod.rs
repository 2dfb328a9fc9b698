//! Bytes to WebSocket messages and back (RFC 6455), without I/O.
