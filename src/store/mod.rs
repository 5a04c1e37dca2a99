//! Records in SQLite and artifacts on disk: the only place that names sqlx.
