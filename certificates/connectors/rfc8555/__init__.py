"""RFC 8555 over HTTPS: a thin layer over the `acme` library that keeps what the library throws away."""
