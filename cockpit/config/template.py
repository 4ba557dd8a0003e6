"""What `config init` writes under what it found: every table as a comment, with its usual keys."""

from __future__ import annotations

HEADER = """\
# The configuration of cockpit. Unknown keys are errors; `cockpit config schema` prints all of them,
# `cockpit config validate` checks this file, `cockpit doctor` tries what it names.
# A secret never stands here: name a variable (token_env), a file (token_file) or a command (token_command).
# A variable such as COCKPIT_UI__THEME wins over its key (ui.theme) here.
"""

EXAMPLES = """\

# [[pods]]                      # one Kubernetes context each; the name is the source column
# name = "prod"
# kubeconfig = "~/.kube/config"
# context = "prod"
# namespaces = []               # empty: all
# production = true             # a PROD badge, and names typed to confirm
# read_only = true              # no actions that change something

# [fleet]
# inventories = ["~/.ssh/config", "hosts.toml", "ansible:/etc/ansible/hosts", "hosts.csv", "command:inventory --list"]
# production_hosts = "env=prod" # a selection: a PROD badge, and the count typed to confirm
# [[fleet.hosts]]
# name = "web1"
# address = "10.0.0.1"
# port = 22
# user = "ops"
# roles = ["web"]
# env = "prod"
# labels = { rack = "b7" }      # selected as rack=b7
# jump = "ops@bastion:22"       # or the name of another host
# known_hosts = "~/.ssh/known_hosts"
# identity = "~/.ssh/id_ed25519"
# [[fleet.commands]]            # in the palette, after `:`, and as `cockpit fleet exec --saved restart`
# name = "restart"
# title = "Restart a unit"
# command = "systemctl restart {unit}"
# parameters.unit = { default = "nginx", pattern = "[a-z@.-]+" }
# selection = "@web"
# sudo = "root"

# [[metrics]]
# name = "prod"
# url = "http://localhost:9090"
# [[metrics.queries]]
# title = "requests"
# query = "sum by (job) (rate(http_requests_total[5m]))"
# unit = "req/s"
# range = "1h"

# [[pipelines]]
# name = "shop"
# provider = "cockpit"
# url = "http://127.0.0.1:8420"
# token_env = "COCKPIT_TOKEN"

# [server]                      # for `cockpit serve`
# listen = "127.0.0.1:8420"
# data = "~/.local/state/cockpit/server"
# token_env = "COCKPIT_TOKEN"
# [[server.repositories]]
# name = "acme/shop"            # the webhook's repository.full_name
# url = "https://git.example/acme/shop.git"
# branch = "main"
# webhook_secret_env = "SHOP_WEBHOOK_SECRET"

# [ui]
# theme = "cockpit-dark"
# read_only = false
# notify = "bell"               # bell, osc9 or off

# [keys]                        # binding id -> keys
# "pods.logs" = "l"
"""
