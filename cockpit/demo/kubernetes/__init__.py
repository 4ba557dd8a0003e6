"""A Kubernetes API that kubectl can drive, in memory, for the demo and the tests. It shares no code with cockpit/pods.

From the wire inwards: `http` (who may ask; `asks`, `discovery`, `lists`, `watches`, `streams`), `objects` (what a write
means; `shapes`, `patch`, `managed`, `refusals`), `store` (the objects and their one history), `table` (kubectl's
columns). Beside them what lives: `cluster` runs `workloads` (controllers) and `kubelet` (`podstate`, `recorder`,
`logs`, `voices`); `scenery`, `cron` and `synthetic` put the pods there. `faults` and `admin` are what goes wrong on
purpose. `simulator` joins it all.
"""
