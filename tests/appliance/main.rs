//! The whole appliance, from outside: real daemon, real broker, real recogniser, real browser.

mod alarms;
mod audit;
mod bad_input;
mod confirmation;
mod crashes;
mod demo;
mod entities;
mod fleet;
mod holder;
mod intents;
mod packs;
mod panel;
mod recordings;
mod replay;
mod routes;
mod schedules;
mod sentences;
mod shutdown;
mod workflows;
