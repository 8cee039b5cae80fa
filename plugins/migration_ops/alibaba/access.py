"""With which key, and where, the API is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from migration_ops.alibaba.errors import AlibabaError


@dataclass(frozen=True, slots=True)
class Access:
    """A RAM user's access key, or a role's temporary one (STS).

    :param key_id: AccessKey ID.
    :param key_secret: never shown, neither in messages nor by ``repr``.
    :param region: for example ``cn-hangzhou``.
    :param security_token: of a temporary key.
    :param endpoint: where the API is, if not at the region's public address: a host, or one with a scheme.
    """

    key_id: str
    key_secret: str = field(repr=False)
    region: str
    security_token: str = field(default="", repr=False)
    endpoint: str = ""

    def __post_init__(self) -> None:
        for name, value in (
            ("AccessKey ID", self.key_id),
            ("AccessKey secret", self.key_secret),
            ("region", self.region),
        ):
            if not value:
                raise AlibabaError(f"Alibaba Cloud needs {name}: the connection or environment has none")

    @property
    def host(self) -> str:
        """Host of the API, with port where it isn't the usual one."""
        parts = urlsplit(self.endpoint if "//" in self.endpoint else f"//{self.endpoint}")
        return parts.netloc or f"cs.{self.region}.aliyuncs.com"

    @property
    def protocol(self) -> str:
        """``https``, unless the endpoint says otherwise."""
        return urlsplit(self.endpoint).scheme if "//" in self.endpoint else "https"
