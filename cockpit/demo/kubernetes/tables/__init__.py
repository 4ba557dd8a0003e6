"""What `kubectl get` prints of each kind, as the server prepares it."""
