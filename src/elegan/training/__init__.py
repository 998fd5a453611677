"""The loop, and what it needs: players, checkpoints, the guard, the monitor, the run folder."""
