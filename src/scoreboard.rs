//! The scoreboard: one block of atomics per worker slot, in memory that supervisor and workers share.
