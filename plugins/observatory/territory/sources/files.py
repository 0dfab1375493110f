"""Where a source's files are stored and how to log in there, independent of their format."""

from __future__ import annotations

from pydantic import Field, model_validator

from observatory.territory.sources.base import Source

VARIABLE = r"^[A-Z][A-Z0-9_]*$"


class FileFetch(Source):
    """Files fetched from an address: a folder, a file server (``sftp://``, ``s3://``) or a web server.

    Attributes:
        path: file below the address; ``*`` stands for any name where the address is not a web address.
        member: pattern of the files to read within ``path``, if that is a ZIP archive.
        user: user name at the file server; for S3 the access key's identifier.
        password: name of the environment variable, or variable of Airflow's secrets backend, with the password; for
            S3 the secret access key.
        endpoint: URL of an S3-compatible store other than Amazon's.
        host_key: public key of an SFTP server, as in ``known_hosts``: ``ssh-ed25519 AAAA…``. Connections to a
            server with another key are refused.
    """

    path: str = Field(min_length=1)
    member: str = Field(default="*", min_length=1)
    user: str | None = None
    password: str | None = Field(default=None, pattern=VARIABLE)
    endpoint: str | None = None
    host_key: str | None = None

    @model_validator(mode="after")
    def _known_server(self) -> FileFetch:
        if self.address.startswith("sftp://") and not self.host_key:
            raise ValueError("has an SFTP server without `host_key`", "its public key: ssh-keyscan -t ed25519 <host>")
        if "@" in self.address.partition("://")[2].partition("/")[0]:
            raise ValueError("has a user in `address`", "the keys `user` and `password`, the latter a variable's name")
        return self
