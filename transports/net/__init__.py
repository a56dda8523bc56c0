"""The network beneath every way out: names, connections, proxies, TLS, and what their errors mean."""
