"""The keywords of ssh_config(5), those of OpenSSH 10 too, and what cockpit does with each."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from cockpit.fleet.inventory.sshconfig import jumps, values
from cockpit.fleet.inventory.sshconfig.lines import SPACE
from cockpit.fleet.inventory.sshconfig.values import FLAG, Reader, choice

Use: TypeAlias = Literal["honoured", "harmless", "noted", "blocking", "dead"]
"""`honoured`: as ssh does. `harmless`: not done, and the command on the host cannot tell. `noted`: not done, and where
we connect, whom we trust or what the command sees may differ: the host says so. `blocking`: not done, and the host is
therefore never connected. `dead`: ssh only skips it.
"""


class Directive(Struct, frozen=True):
    """One keyword."""

    title: str
    """As the manual writes it."""
    read: Reader
    use: Use
    plain: frozenset[str] = frozenset()
    """Values that ask for nothing that we lack."""
    shown: bool = False
    """Whether notes show its value, which is short and no secret."""
    keyword: str = ""
    """The title in lower case."""


def _jump(_: list[str], rest: str) -> tuple[str]:
    text = rest.lstrip(SPACE + "=")
    jumps.hops(text)
    return (text,)


_HONOURED = {
    "CanonicalDomains": values.domains,
    "CanonicalizeFallbackLocal": FLAG,
    "CanonicalizeHostname": choice("yes", "no", "always"),
    "CanonicalizeMaxDots": values.number,
    "CanonicalizePermittedCNAMEs": values.cname_rules,
    "CertificateFile": values.one,
    "ConnectTimeout": values.seconds,
    "GlobalKnownHostsFile": values.names,
    "HashKnownHosts": FLAG,
    "HostKeyAlias": values.one,
    "HostName": values.one,
    "IdentitiesOnly": FLAG,
    "IdentityAgent": values.socket_path,
    "IdentityFile": values.one,
    "IgnoreUnknown": values.one,
    "Port": values.port,
    "ProxyCommand": values.command,
    "ProxyJump": _jump,
    "StrictHostKeyChecking": choice("yes", "no", "ask", "accept-new", also={"off": "no"}),
    "Tag": values.one,
    "User": values.one,
    "UserKnownHostsFile": values.names,
}

_HARMLESS = {
    "AddKeysToAgent": values.words,
    "BatchMode": FLAG,
    "ChannelTimeout": values.words,
    "ClearAllForwardings": FLAG,
    "Compression": values.one,
    "ConnectionAttempts": values.number,
    "ControlPersist": values.one,
    "DynamicForward": values.joined,
    "EnableEscapeCommandline": FLAG,
    "EnableSSHKeysign": FLAG,
    "EscapeChar": values.one,
    "ExitOnForwardFailure": FLAG,
    "FingerprintHash": values.one,
    "ForkAfterAuthentication": FLAG,
    "ForwardX11Timeout": values.seconds,
    "ForwardX11Trusted": FLAG,
    "GatewayPorts": FLAG,
    "GSSAPIAuthentication": FLAG,
    "GSSAPIClientIdentity": values.one,
    "GSSAPIDelegateCredentials": FLAG,
    "GSSAPIKexAlgorithms": values.one,
    "GSSAPIKeyExchange": FLAG,
    "GSSAPIRenewalForcesRekey": FLAG,
    "GSSAPIServerIdentity": values.one,
    "GSSAPITrustDns": FLAG,
    "HostbasedAcceptedAlgorithms": values.one,
    "IPQoS": values.words,
    "KbdInteractiveAuthentication": FLAG,
    "KbdInteractiveDevices": values.one,
    "LocalCommand": values.command,
    "LocalForward": values.joined,
    "LogLevel": values.one,
    "LogVerbose": values.names,
    "NumberOfPasswordPrompts": values.number,
    "ObscureKeystrokeTiming": values.words,
    "PasswordAuthentication": FLAG,
    "PermitRemoteOpen": values.words,
    "RekeyLimit": values.words,
    "SecurityKeyProvider": values.one,
    "ServerAliveCountMax": values.number,
    "ServerAliveInterval": values.seconds,
    "StdinNull": FLAG,
    "StreamLocalBindMask": values.one,
    "StreamLocalBindUnlink": FLAG,
    "SyslogFacility": values.one,
    "TCPKeepAlive": FLAG,
    "TunnelDevice": values.one,
    "UpdateHostKeys": choice("yes", "no", "ask"),
    "VersionAddendum": values.words,
    "VisualHostKey": FLAG,
    "WarnWeakCrypto": values.words,
    "XAuthLocation": values.one,
}

_NOTED = [
    Directive("AddressFamily", choice("any", "inet", "inet6"), "noted", frozenset({"any"}), shown=True),
    Directive("BindAddress", values.one, "noted", shown=True),
    Directive("BindInterface", values.one, "noted", shown=True),
    Directive("CASignatureAlgorithms", values.one, "noted"),
    Directive("CheckHostIP", FLAG, "noted", frozenset({"no"}), shown=True),
    Directive("Ciphers", values.one, "noted"),
    Directive("ControlMaster", choice("yes", "no", "ask", "auto", "autoask"), "noted", frozenset({"no"}), shown=True),
    Directive("ControlPath", values.one, "noted", frozenset({"none"})),
    Directive("ForwardAgent", values.agent_to_forward, "noted", frozenset({"no"})),
    Directive("ForwardX11", FLAG, "noted", frozenset({"no"}), shown=True),
    Directive("HostbasedAuthentication", FLAG, "noted", frozenset({"no"}), shown=True),
    Directive("HostKeyAlgorithms", values.one, "noted"),
    Directive("KexAlgorithms", values.one, "noted"),
    Directive("KnownHostsCommand", values.command, "noted", frozenset({"none"})),
    Directive("MACs", values.one, "noted"),
    Directive("NoHostAuthenticationForLocalhost", FLAG, "noted", frozenset({"no"}), shown=True),
    Directive("PermitLocalCommand", FLAG, "noted", frozenset({"no"}), shown=True),
    Directive("PKCS11Provider", values.one, "noted", frozenset({"none"})),
    Directive("PreferredAuthentications", values.one, "noted"),
    Directive("PubkeyAcceptedAlgorithms", values.one, "noted"),
    Directive(
        "PubkeyAuthentication",
        choice("yes", "no", "unbound", "host-bound"),
        "noted",
        frozenset({"yes", "unbound", "host-bound"}),
        shown=True,
    ),
    Directive("RemoteCommand", values.command, "noted", frozenset({"none"})),
    Directive("RemoteForward", values.joined, "noted"),
    Directive("RequestTTY", choice("yes", "no", "force", "auto"), "noted", frozenset({"no", "auto"}), shown=True),
    Directive("RequiredRSASize", values.number, "noted", shown=True),
    Directive("RevokedHostKeys", values.one, "noted", frozenset({"none"})),
    Directive("SendEnv", values.environment_names, "noted", frozenset({"LANG", "LANGUAGE", "LC_*"}), shown=True),
    Directive("SessionType", choice("none", "subsystem", "default"), "noted", frozenset({"default"}), shown=True),
    Directive("SetEnv", values.assignments, "noted"),
    Directive("Tunnel", choice("yes", "no", "point-to-point", "ethernet"), "noted", frozenset({"no"}), shown=True),
    Directive("VerifyHostKeyDNS", choice("yes", "no", "ask"), "noted", frozenset({"no"}), shown=True),
]

_BLOCKING = [
    Directive("ProxyUseFdpass", FLAG, "blocking", frozenset({"no"})),
    Directive("RefuseConnection", values.one, "blocking", frozenset({"none"})),
]

_DEAD = (
    "AFSTokenPassing", "Cipher", "CompressionLevel", "FallBackToRsh", "GlobalKnownHostsFile2",
    "KerberosAuthentication", "KerberosTgtPassing", "Protocol", "RhostsAuthentication", "RhostsRSAAuthentication",
    "RSAAuthentication", "UsePrivilegedPort", "UserKnownHostsFile2", "UseRoaming", "UseRsh",
)  # fmt: skip

_ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostbasedkeytypes": "hostbasedacceptedalgorithms",
    "identityfile2": "identityfile",
    "keepalive": "tcpkeepalive",
    "protocolkeepalives": "serveraliveinterval",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "setuptimeout": "serveraliveinterval",
    "skeyauthentication": "kbdinteractiveauthentication",
    "smartcarddevice": "pkcs11provider",
    "tisauthentication": "kbdinteractiveauthentication",
}

SEVERAL = frozenset({"identityfile", "certificatefile", "sendenv", "localforward", "remoteforward", "dynamicforward"})
"""Keywords whose values add up."""
PROXIES = frozenset({"proxyjump", "proxycommand"})
"""Keywords of which just one counts."""


def _table() -> dict[str, Directive]:
    every = [
        *(Directive(title, read, "honoured") for title, read in _HONOURED.items()),
        *(Directive(title, read, "harmless") for title, read in _HARMLESS.items()),
        *_NOTED,
        *_BLOCKING,
        *(Directive(title, values.nothing, "dead") for title in _DEAD),
    ]
    found: dict[str, Directive] = {}
    for directive in every:
        keyword = directive.title.lower()
        found[keyword] = found[directive.title] = replace(directive, keyword=keyword)
    return found | {alias: found[keyword] for alias, keyword in _ALIASES.items()}


DIRECTIVES = _table()
"""By title, by keyword and by older names, both in lower case."""
