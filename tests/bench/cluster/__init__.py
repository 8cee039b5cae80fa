"""How fast a cluster's objects are captured and applied, against kubectl in the same run."""
