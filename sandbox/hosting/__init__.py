"""The pretend hosting company: a panel, a web server and a TLS server for every domain there is."""
