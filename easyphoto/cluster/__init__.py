"""Jobs on the machines of a Ray cluster; imported for `--cluster` alone, as Ray is by `link` and on the nodes."""
