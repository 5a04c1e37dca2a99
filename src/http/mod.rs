//! Server, uploads, errors, limits and routes: the only place that names actix-web.
