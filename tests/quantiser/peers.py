"""No peers."""

PEERS = {}
