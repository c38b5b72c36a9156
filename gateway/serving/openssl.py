"""OpenSSL's own settings, for what Python cannot set by itself."""

import ssl
from collections.abc import Mapping
from pathlib import Path


def openssl_conf(version: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO) -> str:
    """OpenSSL's settings for the key exchange groups, which Python cannot set by itself.

    The post-quantum hybrid comes first where this OpenSSL has it (3.5). The floor is TLS 1.2,
    for outbound connections of the same processes; listeners set their own.
    """
    groups = ["X25519", "P-256", "P-384"]
    if version >= (3, 5):
        groups.insert(0, "X25519MLKEM768")
    return (
        "openssl_conf = casegate\n"
        "[casegate]\nssl_conf = tls\n"
        "[tls]\nsystem_default = defaults\n"
        f"[defaults]\nMinProtocol = TLSv1.2\nGroups = {':'.join(groups)}\n"
    )


def listener_environ(environ: Mapping[str, str], conf: Path) -> dict[str, str]:
    """The environment of the gateway's processes: writes OpenSSL's settings and points to them.

    Settings that the operator points to already (a system-wide policy, FIPS) stay in force.
    """
    if "OPENSSL_CONF" in environ:
        return dict(environ)
    conf.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf.write_text(openssl_conf(), encoding="ascii")
    return {**environ, "OPENSSL_CONF": str(conf)}
