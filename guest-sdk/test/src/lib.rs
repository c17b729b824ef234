//! Tests of a module against its real component in an in-process database.
