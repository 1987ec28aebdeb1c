//! The programs `victusd` and `victus`: configuration, supervision, the fleet link, logging and the command line.
