//! Whole-appliance tests against real brokers, recognisers and recordings.
