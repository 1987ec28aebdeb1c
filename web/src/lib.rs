//! The HTTP API, the WebSockets and the panel of a Victus appliance.
//!
//! Each handler calls the tool runtime or reads the journal; nothing here switches a line or keeps state of its own.
