"""Move running Kubernetes applications, with their data, to Alibaba Cloud ACK."""
