"""The configuration as one model: validation, schema, `config show` and the documentation come from it.

Every key has a default that is safe; unknown keys are errors. Paths may start with `~`; `config.load` expands them
and makes relative ones relative to the file.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field


class Secret(Struct, kw_only=True, frozen=True):
    """Mixed into what needs a token. At most one of the three; the value itself is never in the file.

    `token_env` names an environment variable, `token_file` a file, `token_command` a command that prints it.
    """

    token_env: str = ""
    token_file: str = ""
    token_command: list[str] = []


class PodsSource(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One Kubernetes context. `name` is the source column."""

    name: str
    kubeconfig: str = "~/.kube/config"
    """"in-cluster": the service account of the pod that cockpit runs in."""
    context: str = ""
    """Empty: the kubeconfig's current context."""
    namespaces: list[str] = []
    """Empty: all."""
    production: bool = False
    read_only: bool = False
    note: str = ""
    """A line that the pane always shows."""


class Host(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One machine of the fleet."""

    name: str
    address: str = ""
    """Empty: the name."""
    port: int = 22
    user: str = ""
    """Empty: the user who runs cockpit."""
    roles: list[str] = []
    """What `@role` selects."""
    groups: list[str] = []
    """The same, as inventories with groups call them."""
    env: str = ""
    labels: dict[str, str] = {}
    """Other facts, which selections know: `rack=b7`."""
    known_hosts: str = "~/.ssh/known_hosts"
    identity: str = ""
    """A private key file. Empty: the agent, then the usual keys in ~/.ssh."""
    certificate: str = ""
    """An OpenSSH certificate for the key, where it is not beside it as `<identity>-cert.pub`."""
    jump: str = ""
    """The host to go through: the name of another host of the same list, or user@host:port; several with commas, the
    first hop first. A hop that is no name of a host uses this host's identity and known_hosts."""
    transport: Literal["ssh", "local"] = "ssh"
    """"local" runs commands on this machine, without SSH."""
    production: bool = False
    read_only: bool = False


class CommandParameter(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A value that a saved command takes."""

    default: str = ""
    """Empty: it must be given."""
    pattern: str = ""
    """A regular expression that the whole value fits. Empty: any."""


class SavedCommand(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A command that is run often: in the palette, after `:`, and as `cockpit fleet exec --saved NAME`."""

    name: str
    title: str = ""
    """Empty: the name."""
    command: str
    """`{unit}` stands for the parameter of that name, quoted for the shell."""
    parameters: dict[str, CommandParameter] = {}
    selection: str = ""
    """The hosts, where no others are named."""
    timeout: float = 60.0
    """Seconds for each host."""
    sudo: str = ""
    """The user to become; empty: nobody else."""
    risk: Literal["safe", "disruptive", "destructive"] = "disruptive"
    """A safe one is run without being asked about, in production too."""


class Fleet(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The hosts. Of two with the same name the first counts: those of `hosts`, then those of `inventories` in order."""

    inventories: list[str] = []
    """Files, and programs that print: `~/.ssh/config`; TOML with `[[hosts]]` of the same keys as `[[fleet.hosts]]`
    (.toml); CSV with a header line (.csv); ansible's INI or YAML (.ini, .yml, .yaml, .json, a folder, a file named
    `hosts` or `inventory`), of which groups are roles and other variables labels, the variable `env` the env; an
    executable file, run with --list as ansible does. Where the name does not tell, the format stands before it:
    `ansible:PATH`, `csv:PATH`, `toml:PATH`, `ssh_config:PATH`, and `command:PROG ARGS` for a program that prints
    ansible's JSON or names. Programs are asked again each minute."""
    hosts: list[Host] = []
    commands: list[SavedCommand] = []
    interval: float = 5.0
    """Seconds between two samples of a host: cheap, over a channel that is kept."""
    production: bool = False
    """Counts for all hosts."""
    production_hosts: str = ""
    """A selection of those that are in production, such as `env=prod,@db`. While it cannot be used, for something in it
    names no host, all of them are."""
    read_only: bool = False
    note: str = ""
    """A line that the pane always shows."""


class MetricQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One panel of the metrics pane."""

    title: str
    query: str
    unit: str = ""
    range: str = "1h"
    """How far back, a Prometheus duration."""


class MetricsSource(Secret, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One Prometheus (or a server that speaks its HTTP API)."""

    name: str
    url: str
    username: str = ""
    """Not empty: HTTP basic authentication with the token as its password, else the token is a bearer token."""
    queries: list[MetricQuery] = []
    interval: float = 15.0
    """Seconds between two refreshes."""
    direct: bool = False
    """The url is a `/metrics` page that cockpit reads itself: plain selectors and `rate` only."""
    production: bool = False
    read_only: bool = False
    note: str = ""
    """A line that the pane always shows."""


class PipelineSource(Secret, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One CI server."""

    name: str
    provider: Literal["cockpit"] = "cockpit"
    url: str = "http://127.0.0.1:8420"
    production: bool = False
    read_only: bool = False
    note: str = ""
    """A line that the pane always shows."""


class Runner(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How steps are kept apart from the machine that runs them."""

    isolation: Literal["process"] = "process"
    workers: int = 2


class Repository(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A repository that `cockpit serve` builds. `url` and `branch` come from here, never from a webhook's payload."""

    name: str
    """The webhook's repository.full_name."""
    url: str
    branch: str = "main"
    webhook_secret_env: str = ""
    webhook_secret_file: str = ""
    webhook_secret_command: list[str] = []


class Server(Secret, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """For `cockpit serve`."""

    listen: str = "127.0.0.1:8420"
    data: str = "~/.local/state/cockpit/server"
    runner: Runner = field(default_factory=Runner)
    repositories: list[Repository] = []


class Ui(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The terminal."""

    theme: str = "cockpit-dark"
    read_only: bool = False
    """Removes every action that changes something."""
    notify: Literal["bell", "osc9", "off"] = "bell"
    """When a task ends or a pane goes stale."""
    mouse: bool = True


class Settings(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    pods: list[PodsSource] = []
    fleet: Fleet = field(default_factory=Fleet)
    metrics: list[MetricsSource] = []
    pipelines: list[PipelineSource] = []
    server: Server = field(default_factory=Server)
    ui: Ui = field(default_factory=Ui)
    keys: dict[str, str] = {}
    """Binding id -> keys, separated by commas."""
