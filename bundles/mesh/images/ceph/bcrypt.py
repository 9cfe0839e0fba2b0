"""Stands in for bcrypt, which Ceph's manager cannot load: each of its modules runs in a sub-interpreter of its own, and
the library refuses these. Every module would fail, for the sake of one function that hashes the passwords of a dashboard
that this image does not have."""


def __getattr__(name: str) -> None:
    raise AttributeError(f"bcrypt.{name}: this image has no bcrypt, because the manager cannot load it")
