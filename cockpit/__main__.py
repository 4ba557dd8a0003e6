"""`python -m cockpit`."""

from cockpit.cli.main import main

main()
