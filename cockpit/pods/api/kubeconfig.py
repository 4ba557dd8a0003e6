"""From a kubeconfig to what a connection needs: address, TLS and a credential. The file itself is never written.

Files are merged here, since the client library takes the last current-context where kubectl takes the first. Tokens,
basic auth and OIDC are the library's (KubeConfigLoader, without a persister); plugins are run by `plugin`, and TLS
contexts are made here because the library leaves inline keys in the temp folder until a clean exit.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cockpit.model import errors
from cockpit.pods.api.library import load as load_library
from cockpit.pods.api.plugin import Credential, run_plugin
from cockpit.pods.kinds.pod.status import unix_seconds

LOGIN_SECONDS = 10.0
IN_CLUSTER = "in-cluster"
"""In place of a kubeconfig: the service account of the pod that cockpit runs in."""
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS, CERTIFICATE_SECONDS = 60.0, 300.0
"""A token file and certificate files are read anew so often, as in client-go."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one cluster. `repr` shows no secret."""

    context: str
    server: str
    proxy: str | None
    server_name: str | None
    """The name to verify in the server's certificate when it is not the host."""
    authorization: str
    material: tuple[object, ...]
    """What the TLS context was made of: another one needs another session."""
    tls: ssl.SSLContext | None
    lasts_seconds: float | None = None
    """Its files may have changed by then. None: it names no file."""
    expires_at: float | None = None
    """When a plugin's credential ends, in Unix seconds."""

    def __repr__(self) -> str:
        return f"Access({self.server!r})"


@dataclass(frozen=True, slots=True)
class Context:
    """One context of a kubeconfig, resolved; paths are absolute."""

    name: str
    cluster: dict[str, Any]
    user: dict[str, Any]


def read_context(path: str, name: str, *, where: str) -> Context:
    """Blocking. Raises errors.Denied with the mend; `path` may be several, joined as in $KUBECONFIG, or IN_CLUSTER."""
    if path == IN_CLUSTER:
        return _in_cluster(where)
    merged = _merged(path, where)
    contexts = {
        str(entry.get("name")): entry["context"]
        for entry in merged["contexts"]
        if isinstance(entry.get("context"), dict)
    }
    known = f"contexts there: {', '.join(sorted(contexts)[:20])}" if contexts else "there is no context in it"
    name = name or str(merged["current-context"] or "")
    if not name:
        raise errors.Denied(f"{where}: {path} has no current-context; set context in [[pods]] ({known})")
    if name not in contexts:
        raise errors.Denied(f"{where}: no context {name!r} in {path}; {known}")
    chosen = contexts[name]
    cluster = _named(merged["clusters"], chosen.get("cluster"), "cluster")
    if not (cluster or {}).get("server"):
        raise errors.Denied(f"{where}: context {name!r} of {path} names no cluster with a server")
    user = _named(merged["users"], chosen.get("user"), "user")
    return Context(name, cluster or {}, user or {})


def _in_cluster(where: str) -> Context:
    """As rest.InClusterConfig of client-go."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port or not (SERVICE_ACCOUNT / "token").is_file():
        raise errors.Denied(f"{where}: this is no pod with a service account; set kubeconfig in [[pods]]")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority": str(SERVICE_ACCOUNT / "ca.crt")}
    return Context(IN_CLUSTER, cluster, {"tokenFile": str(SERVICE_ACCOUNT / "token")})


async def open_access(
    path: str, context: str, *, where: str, credential: Credential | None
) -> tuple[Access, Credential | None]:
    """Read the kubeconfig and log in. `credential` is the plugin's last one, used again until it expires.

    Raises `errors.Denied` with the next step, `errors.Unreachable` when the identity provider does not answer.
    """
    chosen = await asyncio.to_thread(read_context, path, context, where=where)
    plugin = chosen.user.get("exec")
    if isinstance(plugin, dict):
        if credential is None or credential.expired():
            credential = await run_plugin(plugin, chosen.cluster, where=where)
    else:
        credential = None
    try:
        access = await asyncio.to_thread(_access, chosen, credential, where)
    except TimeoutError as error:
        raise errors.Unreachable(f"{where}: the login took more than {LOGIN_SECONDS:.0f} s") from error
    return access, credential


def _merged(path: str, where: str) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    merged: dict[str, Any] = {"clusters": [], "contexts": [], "users": [], "current-context": ""}
    read = False
    for part in filter(None, path.split(os.pathsep)):
        file = Path(part).expanduser()
        try:
            loaded = yaml.load(file.read_text(), loader)
        except FileNotFoundError:
            continue
        except yaml.YAMLError as error:
            raise errors.Denied(f"{where}: {file} is not YAML{_place(error)}") from None
        except (OSError, ValueError) as error:
            raise errors.Denied(f"{where}: cannot read {file}: {error}") from error
        read = True
        if not isinstance(loaded, dict):
            raise errors.Denied(f"{where}: {file} is not a kubeconfig")
        merged["current-context"] = merged["current-context"] or loaded.get("current-context")
        for section in ("clusters", "contexts", "users"):
            taken = {entry.get("name") for entry in merged[section]}
            entries = loaded.get(section) or []
            if not isinstance(entries, list):
                raise errors.Denied(f"{where}: {section} of {file} is not a list")
            merged[section] += [
                _absolute(entry, file.parent)
                for entry in entries
                if isinstance(entry, dict) and entry.get("name") not in taken
            ]
    if not read:
        raise errors.Denied(f"{where}: {path} is missing; set kubeconfig in [[pods]] or log in to the cluster")
    return merged


def _place(error: Exception) -> str:
    """Where, and not what: the words of the parser quote the file, and with it a token."""
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f": see line {mark.line + 1}, column {mark.column + 1}"


def _absolute(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Paths in a kubeconfig are relative to its own folder."""
    entry = dict(entry)
    for section in ("cluster", "user"):
        fields = entry.get(section)
        if not isinstance(fields, dict):
            continue
        entry[section] = fields = dict(fields)
        for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
            if fields.get(key):
                fields[key] = str(folder / Path(str(fields[key])).expanduser())
        plugin = fields.get("exec")
        if isinstance(plugin, dict) and os.sep in str(plugin.get("command") or ""):
            fields["exec"] = {**plugin, "command": str(folder / str(plugin["command"]))}
    return entry


def _named(entries: list[dict[str, Any]], name: object, section: str) -> dict[str, Any] | None:
    for entry in entries:
        if entry.get("name") == name and isinstance(entry.get(section), dict):
            return cast("dict[str, Any]", entry[section])
    return None


def _access(chosen: Context, credential: Credential | None, where: str) -> Access:
    """In a thread: imports the library (0.3 s), reads files, asks the identity provider where there is one."""
    cluster, user = chosen.cluster, chosen.user
    if isinstance(provider := user.get("auth-provider"), dict) and provider.get("name") != "oidc":
        raise errors.Denied(
            f"{where}: auth-provider {provider.get('name')!r} is gone from Kubernetes; use its exec plugin"
        )
    server = str(cluster["server"]).rstrip("/")
    given = f"Bearer {credential.token}" if credential and credential.token else _library_login(chosen, where)
    authorization = given.strip()  # a token file usually ends with a newline
    if not authorization.isprintable() or not authorization.isascii():
        raise errors.Denied(f"{where}: the token of the kubeconfig holds characters that no token has")
    material: tuple[object, ...] = ()
    tls: ssl.SSLContext | None = None
    if server.startswith("https://"):
        material = _material(cluster, user, credential, where)
        tls = _tls(material, verify=not cluster.get("insecure-skip-tls-verify"), where=where)
    return Access(
        context=chosen.name,
        server=server,
        proxy=_proxy(server, cluster, where),
        server_name=str(cluster["tls-server-name"]) if cluster.get("tls-server-name") else None,
        authorization=authorization,
        material=material,
        tls=tls,
        lasts_seconds=_lasts(cluster, user),
        expires_at=unix_seconds(credential.expiration_timestamp) if credential else None,
    )


def _lasts(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> float | None:
    if user.get("tokenFile") and not user.get("token"):
        return TOKEN_SECONDS
    files = (cluster.get("certificate-authority"), user.get("client-certificate"), user.get("client-key"))
    return CERTIFICATE_SECONDS if any(files) else None


def _proxy(server: str, cluster: Mapping[str, Any], where: str) -> str | None:
    """The kubeconfig's, else the environment's; loopback is always spoken to directly, as Go does."""
    from urllib.request import getproxies, proxy_bypass

    address = urlsplit(server)
    host = address.hostname or ""
    proxy = str(cluster.get("proxy-url") or "")
    if not proxy and not _is_loopback(host) and not proxy_bypass(host):
        proxy = getproxies().get(address.scheme, "")
    if not proxy:
        return None
    try:
        scheme, proxy_host = urlsplit(proxy).scheme, urlsplit(proxy).hostname
    except ValueError:
        # Its text may hold a password: neither said nor chained.
        raise errors.Refused(f"{where}: proxy-url is not a URL; write http://HOST:PORT") from None
    if scheme not in ("http", "https"):
        raise errors.Refused(f"{where}: the proxy {scheme}://{proxy_host} is not http")
    return proxy


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _library_login(chosen: Context, where: str) -> str:
    """The Authorization header by the client library's loader; "" when the user has no token."""
    library = load_library()
    fields = ("token", "tokenFile", "username", "password", "auth-provider")
    user = {key: value for key, value in chosen.user.items() if key in fields}
    configuration = library.Configuration()
    try:
        loader = library.KubeConfigLoader(
            {
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": {"server": ""}}],
                "users": [{"name": "it", "user": user}],
            },
            config_persister=None,
        )

        async def login() -> None:
            async with asyncio.timeout(LOGIN_SECONDS):
                await loader.load_and_set(configuration)

        # A loop of its own: the library reads files, and asks the identity provider, on the loop that it is given.
        asyncio.run(login())
    except (library.ConfigException, OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise errors.Denied(f"{where}: login needed; {' '.join(str(error).split())[:200]}") from error
    return str(configuration.api_key.get("BearerToken", ""))


def _material(
    cluster: Mapping[str, Any], user: Mapping[str, Any], credential: Credential | None, where: str
) -> tuple[object, ...]:
    """CA, certificate and key in PEM, b"" where there is none."""
    authority = _pem(cluster, "certificate-authority", where)
    if credential is not None and credential.client_certificate_data:
        return authority, credential.client_certificate_data.encode(), credential.client_key_data.encode()
    return authority, _pem(user, "client-certificate", where), _pem(user, "client-key", where)


def _pem(fields: Mapping[str, Any], key: str, where: str) -> bytes:
    try:
        if inline := fields.get(f"{key}-data"):
            return base64.b64decode(str(inline), validate=True)
        return Path(str(fields[key])).read_bytes() if fields.get(key) else b""
    except OSError as error:
        raise errors.Denied(f"{where}: cannot read {key}: {error}") from error
    except (binascii.Error, ValueError) as error:
        raise errors.Denied(f"{where}: {key}-data in the kubeconfig is not base64") from error


def _tls(material: tuple[object, ...], *, verify: bool, where: str) -> ssl.SSLContext:
    authority, certificate, key = cast("tuple[bytes, bytes, bytes]", material)
    try:
        tls = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
        # Python 3.13 is stricter than kubectl: many clusters' own authorities lack extensions that it then demands.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not verify:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        if certificate:
            # OpenSSL reads certificates from files only; these live in a private folder for the moment of the call.
            with tempfile.TemporaryDirectory(prefix="cockpit-") as folder:
                pair = Path(folder, "pair.pem")
                pair.touch(mode=0o600)
                pair.write_bytes(certificate + b"\n" + key)
                tls.load_cert_chain(pair)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise errors.Denied(f"{where}: the certificates of the kubeconfig cannot be used: {error}") from error
    return tls
