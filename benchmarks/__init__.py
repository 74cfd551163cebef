"""What `make bench` runs: figures as ratios against a peer or a limit measured in the same run."""
