"""Sessions in Kubernetes: a Secret and a Lease each, in the namespace of whoever uses them."""
