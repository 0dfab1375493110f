"""What a territory file says of where files lie, whatever is in them."""

from __future__ import annotations

from pydantic import Field, model_validator

from observatory.territory.sources.base import Source

VARIABLE = r"^[A-Z][A-Z0-9_]*$"


class Drop(Source):
    """Files below an address: a folder, a file server (``sftp://``, ``s3://``) or a web address.

    Attributes:
        path: file below the address; ``*`` stands for any name where the address is not a web address.
        member: files within, where ``path`` is a ZIP archive.
        user: who logs in at a file server; at S3 the identifier of the access key.
        password: name of the variable, of the environment or of Airflow's secrets backend, that has the password; at S3
            the secret access key.
        endpoint: address of a store that speaks S3 and is not Amazon's.
        host_key: public key of an SFTP server, as in ``known_hosts``: ``ssh-ed25519 AAAA…``. Another is not let in.
    """

    path: str = Field(min_length=1)
    member: str = Field(default="*", min_length=1)
    user: str | None = None
    password: str | None = Field(default=None, pattern=VARIABLE)
    endpoint: str | None = None
    host_key: str | None = None

    @model_validator(mode="after")
    def _known_server(self) -> Drop:
        if self.address.startswith("sftp://") and not self.host_key:
            raise ValueError("has an SFTP server without `host_key`", "its public key: ssh-keyscan -t ed25519 <host>")
        if "@" in self.address.partition("://")[2].partition("/")[0]:
            raise ValueError("has a user in `address`", "the keys `user` and `password`, the latter a variable's name")
        return self
