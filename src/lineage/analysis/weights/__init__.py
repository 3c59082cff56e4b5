"""What training did to the weights: task vectors, how large they are, where they lie, and how two of them agree."""
