"""Agents that come along: each brings one trial a call, as ``workbench loop`` asks."""
